"""What every ledger promises."""

from collections.abc import Sequence

import pytest

from engine.errors import InternalError, RefusedError
from engine.ledger.contract import Ledger, PartitionLedger
from engine.ledger.entries import Entry
from engine.ledger.states import Reason, State

NOW = 1_800_000_000_000_000
LEASE = 660_000_000
KEYS = [bytes([row]) * 16 for row in range(5)]


def claimed(ledger: Ledger, keys: Sequence[bytes] = KEYS, number: int = 0) -> PartitionLedger:
    partition = ledger.partition(number)
    partition.claim("one", NOW, NOW + LEASE)
    partition.plan(keys, NOW)
    return partition


def entry(row: int, state: State, attempt: int = 1, **more: object) -> Entry:
    return Entry(row, state.value, attempt, NOW, **more)  # type: ignore[arg-type]


def states(partition: PartitionLedger) -> list[State]:
    return [State(each) for each in partition.replay().state]


def code(raised: pytest.ExceptionInfo[RefusedError] | pytest.ExceptionInfo[InternalError]) -> str:
    return raised.value.diagnostics[0].code


def test_a_new_partition_is_empty(ledger: Ledger) -> None:
    assert ledger.partitions() == []
    partition = ledger.partition(7)
    assert len(partition.replay()) == 0
    assert partition.keys() == []
    assert list(ledger.partitions()) == [7]
    assert ledger.counts().planned == 0
    partition.close()


def test_a_plan_stands_before_anything_is_sent(ledger: Ledger) -> None:
    partition = claimed(ledger)
    assert partition.keys() == KEYS
    assert states(partition) == [State.PLANNED] * 5
    assert partition.replay().planned_at == NOW
    partition.close()


def test_planning_again_changes_nothing(ledger: Ledger) -> None:
    partition = claimed(ledger)
    partition.append([entry(1, State.INTENT), entry(1, State.ACCEPTED)], NOW + LEASE)
    partition.plan(KEYS, NOW + 99)
    assert states(partition)[1] is State.ACCEPTED
    assert partition.replay().planned_at == NOW
    partition.close()


@pytest.mark.parametrize("other", [KEYS[:4], [*KEYS, b"x" * 16], KEYS[::-1], []])
def test_another_plan_is_refused(ledger: Ledger, other: list[bytes]) -> None:
    partition = claimed(ledger)
    with pytest.raises(RefusedError) as raised:
        partition.plan(other, NOW)
    assert code(raised) == "MR603"
    assert partition.keys() == KEYS
    partition.close()


def test_an_empty_plan_is_a_plan(ledger: Ledger) -> None:
    partition = claimed(ledger, [])
    with pytest.raises(RefusedError):
        partition.plan(KEYS, NOW)
    partition.close()


def test_nobody_writes_without_a_claim(ledger: Ledger) -> None:
    owner = claimed(ledger)
    other = ledger.partition(0)
    for write in (
        lambda: other.plan(KEYS, NOW),
        lambda: other.append([entry(0, State.INTENT)], NOW + LEASE),
        lambda: other.append([], NOW + LEASE),
    ):
        with pytest.raises(RefusedError) as raised:
            write()
        assert code(raised) == "MR602"
    assert states(owner) == [State.PLANNED] * 5
    other.close()
    owner.close()


def test_a_live_owner_is_not_displaced(ledger: Ledger) -> None:
    owner, other = claimed(ledger), ledger.partition(0)
    with pytest.raises(RefusedError) as raised:
        other.claim("two", NOW + LEASE - 1, NOW + 2 * LEASE)
    assert code(raised) == "MR601"
    assert "one" in str(raised.value)
    owner.append([entry(0, State.INTENT)], NOW + LEASE)
    other.close()
    owner.append([entry(0, State.ACCEPTED)], NOW + LEASE)
    owner.close()


def test_after_its_lease_the_old_owner_cannot_write(ledger: Ledger) -> None:
    old, new = claimed(ledger), ledger.partition(0)
    old.append([entry(0, State.INTENT)], NOW + LEASE)
    assert new.claim("two", NOW + LEASE, NOW + 2 * LEASE) == 2
    with pytest.raises(RefusedError) as raised:
        old.append([entry(0, State.ACCEPTED)], NOW + 9 * LEASE)
    assert code(raised) == "MR602"
    with pytest.raises(RefusedError):
        old.plan(KEYS, NOW)
    new.append([entry(0, State.UNKNOWN, reason=Reason.CRASH.value)], NOW + 2 * LEASE)
    old.close()
    third = ledger.partition(0)
    with pytest.raises(RefusedError):
        third.claim("three", NOW + LEASE, NOW + 3 * LEASE)  # the old owner's release has not freed the new one's claim
    assert states(third)[0] is State.UNKNOWN
    third.close()
    new.close()


def test_an_append_without_entries_renews_the_lease(ledger: Ledger) -> None:
    owner, other = claimed(ledger), ledger.partition(0)
    owner.append([], NOW + 3 * LEASE)
    with pytest.raises(RefusedError):
        other.claim("two", NOW + 2 * LEASE, NOW + 4 * LEASE)
    assert other.claim("two", NOW + 3 * LEASE, NOW + 4 * LEASE) == 2
    owner.close()
    other.close()


def test_each_claim_has_a_higher_epoch(ledger: Ledger) -> None:
    views = [ledger.partition(0) for _ in range(3)]
    for epoch, partition in enumerate(views, 1):
        assert partition.claim(f"owner {epoch}", NOW, NOW + LEASE) == epoch
        if epoch == 2:
            partition.release()
        else:
            partition.close()
    views[1].close()


def test_the_owner_after_a_release_must_claim_again(ledger: Ledger) -> None:
    partition = claimed(ledger)
    partition.release()
    with pytest.raises(RefusedError):
        partition.append([entry(0, State.INTENT)], NOW + LEASE)
    partition.claim("one", NOW, NOW + LEASE)
    partition.append([entry(0, State.INTENT)], NOW + LEASE)
    partition.close()


def test_entries_come_back_as_they_were_written(ledger: Ledger) -> None:
    partition = claimed(ledger)
    written = [
        Entry(3, State.INTENT.value, 1, NOW + 1),
        Entry(3, State.DEFERRED.value, 1, NOW + 2, 0, NOW + 77, 451, "4.7.1", "greylisted — später", ""),
        Entry(0, State.SKIPPED.value, 0, NOW + 3, Reason.SUPPRESSED.value),
        Entry(3, State.INTENT.value, 2, NOW + 80),
        Entry(3, State.ACCEPTED.value, 2, NOW + 81, 0, 0, 250, "2.0.0", "accepted", "4XyZ"),
    ]
    partition.append(written[:2], NOW + LEASE)
    partition.append(written[2:], NOW + LEASE)
    partition.close()
    reader = ledger.partition(0)
    table = reader.replay().as_table(reader.keys()).to_pylist()
    assert [row["state"] for row in table] == ["skipped", "planned", "planned", "accepted", "planned"]
    assert table[3]["key"] == KEYS[3]
    assert (table[3]["attempt"], table[3]["code"], table[3]["enhanced"]) == (2, 250, "2.0.0")
    assert (table[3]["detail"], table[3]["remote_id"], table[3]["next_at"]) == ("accepted", "4XyZ", None)
    assert (table[0]["reason"], table[0]["attempt"]) == ("suppressed", 0)
    log = reader.replay().log
    assert log.detail.to_pylist()[1] == "greylisted — später"
    assert log.next_at.tolist() == [0, NOW + 77, 0, 0, 0]
    reader.close()


def test_a_forbidden_step_writes_nothing_of_its_batch(ledger: Ledger) -> None:
    partition = claimed(ledger)
    partition.append([entry(0, State.INTENT), entry(0, State.ACCEPTED)], NOW + LEASE)
    with pytest.raises(InternalError) as raised:
        partition.append([entry(1, State.INTENT), entry(0, State.INTENT, 2)], NOW + LEASE)
    assert code(raised) == "MR606"
    assert states(partition)[:2] == [State.ACCEPTED, State.PLANNED]
    partition.append([entry(1, State.INTENT)], NOW + LEASE)
    assert states(partition)[1] is State.INTENT
    partition.close()


@pytest.mark.parametrize("row", [-1, 5])
def test_what_was_never_planned_is_never_written(ledger: Ledger, row: int) -> None:
    partition = claimed(ledger)
    with pytest.raises(InternalError) as raised:
        partition.append([entry(row, State.INTENT)], NOW + LEASE)
    assert code(raised) == "MR605"
    partition.close()


def test_a_run_is_counted_over_its_partitions(ledger: Ledger) -> None:
    first = claimed(ledger)
    second = claimed(ledger, KEYS[:2], number=12)
    first.append([entry(0, State.INTENT), entry(0, State.ACCEPTED), entry(1, State.INTENT)], NOW + LEASE)
    second.append([entry(1, State.SKIPPED, reason=Reason.EXPIRED.value)], NOW + LEASE)
    assert list(ledger.partitions()) == [0, 12]
    assert ledger.counts().as_dict() == {"planned": 4, "intent": 1, "accepted": 1, "skipped": {"expired": 1}}
    assert (ledger.counts().planned, ledger.counts().left) == (7, 4)
    first.close()
    second.close()


def test_many_messages_and_entries_come_back(ledger: Ledger) -> None:
    keys = [row.to_bytes(16, "big") for row in range(3_000)]
    partition = claimed(ledger, keys)
    for start in range(0, 3_000, 1_000):
        rows = range(start, start + 1_000)
        partition.append([entry(row, State.INTENT) for row in rows], NOW + LEASE)
        partition.append([entry(row, State.ACCEPTED, code=250, detail=f"accepted {row}") for row in rows], NOW + LEASE)
    partition.close()
    reader = ledger.partition(0)
    standing = reader.replay()
    assert reader.keys() == keys
    assert standing.counts().as_dict() == {"accepted": 3_000} == ledger.counts().as_dict()
    assert standing.log.detail.take(standing.last.tolist()).to_pylist() == [f"accepted {row}" for row in range(3_000)]
    reader.close()


def test_texts_come_back_as_they_were(ledger: Ledger) -> None:
    texts = ["", '"', "\\", "{}", ",", "NULL", 'a"b\\c', "'", "\n\t ", "ä€😀", "%s $1 ?"]
    partition = claimed(ledger, [row.to_bytes(16, "big") for row in range(len(texts))])
    partition.append([entry(row, State.DEFERRED, detail=text) for row, text in enumerate(texts)], NOW + LEASE)
    assert partition.replay().log.detail.to_pylist() == texts
    partition.close()
