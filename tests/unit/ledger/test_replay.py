import pytest

from engine.errors import InputError, Place
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry, Log, checksum
from engine.ledger.replay import Standing, replay
from engine.ledger.states import Reason, State

HERE = Place("ledger")


def standing(planned: int, *entries: Entry) -> Standing:
    return replay(planned, 5, Log.of(entries), HERE)


def test_without_entries_everything_is_planned() -> None:
    found = standing(3)
    assert found.state.tolist() == [0, 0, 0]
    assert found.last.tolist() == [-1, -1, -1]
    assert (found.attempt.tolist(), found.next_at.tolist()) == ([0, 0, 0], [0, 0, 0])
    assert found.rows(State.PLANNED).tolist() == [0, 1, 2]


def test_the_last_entry_of_each_message_counts() -> None:
    found = standing(
        3,
        Entry(2, State.INTENT.value, 1, 10),
        Entry(0, State.INTENT.value, 1, 11),
        Entry(2, State.DEFERRED.value, 1, 12, next_at=99),
        Entry(0, State.REJECTED.value, 1, 13),
    )
    assert [State(each) for each in found.state] == [State.REJECTED, State.PLANNED, State.DEFERRED]
    assert found.last.tolist() == [3, -1, 2]
    assert found.next_at.tolist() == [0, 0, 99]


def test_counts_equal_those_of_the_tally_that_was_written_on() -> None:
    entries = [
        Entry(0, State.INTENT.value, 1, 1),
        Entry(1, State.SKIPPED.value, 0, 1, Reason.CAPPED.value),
        Entry(0, State.UNKNOWN.value, 1, 1, Reason.NO_REPLY.value),
        Entry(2, State.SKIPPED.value, 0, 1, Reason.SUPPRESSED.value),
    ]
    tally = standing(4).tally()
    tally.enter_all(entries)
    assert tally.counts() == standing(4, *entries).counts()
    assert tally.counts().as_dict() == {"planned": 1, "unknown": 1, "skipped": {"suppressed": 1, "capped": 1}}
    tally.take_back(entries[2:], [State.INTENT, State.PLANNED])
    assert tally.counts() == standing(4, *entries[:2]).counts()


@pytest.mark.parametrize(
    ("entries", "finding"),
    [
        ([Entry(0, State.ACCEPTED.value, 1, 1)], "message 0 goes from PLANNED to ACCEPTED"),
        ([Entry(1, State.REJECTED.value, 1, 1), Entry(1, State.INTENT.value, 2, 1)], "from REJECTED to INTENT"),
        ([Entry(2, State.INTENT.value, 1, 1)], "message 2 does not exist"),
        ([Entry(-1, State.INTENT.value, 1, 1)], "message -1 does not exist"),
        ([Entry(0, 10, 1, 1)], "state 10 does not exist"),
        ([Entry(0, State.SKIPPED.value, 1, 1, 99)], "reason 99 does not exist"),
    ],
)
def test_what_no_writer_can_have_written_is_refused(entries: list[Entry], finding: str) -> None:
    with pytest.raises(InputError, match=finding) as raised:
        standing(2, *entries)
    assert raised.value.diagnostics[0].code == "MR604"


def test_the_checksum_sees_each_field_and_the_order() -> None:
    first, second = Entry(1, 1, 1, 5, 0, 0, 250, "a", "b", "c"), Entry(2, 1, 1, 6)
    right = checksum([first, second])
    assert checksum([second, first]) != right
    for field, value in enumerate(first):
        other = value + 1 if isinstance(value, int) else value + "x"
        assert checksum([first._replace(**{Entry._fields[field]: other}), second]) != right


def test_counts_add() -> None:
    one = standing(2, Entry(0, State.SKIPPED.value, 0, 1, Reason.INVALID.value)).counts()
    assert Counts.total([one, one]).as_dict() == {"planned": 2, "skipped": {"invalid": 2}}
    assert Counts.total([]).planned == 0
    assert one[State.SKIPPED] == 1
