import pytest

from engine.errors import InputError, Place
from engine.ledger.entries import Entry, Log
from engine.ledger.packing import chained, counted, pack, unpack
from engine.ledger.replay import replay
from engine.ledger.states import Reason, State

HERE = Place("ledger")
ENTRIES = [
    Entry(0, State.INTENT.value, 1, 5),
    Entry(2**32 - 1, State.DEFERRED.value, 2**32 - 1, 2**62, Reason.RELEASED.value, 2**62, 451, "4.7.1", "später", ""),
    Entry(1, State.ACCEPTED.value, 1, 6, 0, 0, 250, "2.0.0", "", "queue-id"),
]
STEPS = [
    Entry(0, State.INTENT.value, 1, 1),
    Entry(1, State.SKIPPED.value, 0, 1, Reason.CAPPED.value),
    Entry(0, State.UNKNOWN.value, 1, 1, Reason.NO_REPLY.value),
    Entry(2, State.SKIPPED.value, 0, 1, Reason.SUPPRESSED.value),
]


def group(*entries: Entry, after: int = 0) -> tuple[bytes, bytes, int]:
    records, texts = pack(entries)
    return records, texts, chained(records, texts, after)


def rows(log: Log) -> list[Entry]:
    return [Entry(*row) for row in zip(*(getattr(log, name).tolist() for name in Entry._fields), strict=True)]


def test_entries_come_back_as_they_were_packed() -> None:
    first = group(*ENTRIES[:2])
    second = group(ENTRIES[2], after=first[2])
    assert rows(unpack([first, second], 0, HERE)) == ENTRIES
    assert rows(unpack([second], first[2], HERE)) == ENTRIES[2:]
    assert rows(unpack([], 0, HERE)) == []


def test_the_chain_sees_each_field_and_the_order() -> None:
    first, second = group(ENTRIES[0]), group(ENTRIES[2])
    for wrong in ([second, first], [first, first], [group(ENTRIES[0], after=1)]):
        with pytest.raises(InputError, match="checksum"):
            unpack(wrong, 0, HERE)
    for field, value in enumerate(ENTRIES[2]):
        other = value + 1 if isinstance(value, int) else value + "x"
        assert group(ENTRIES[2]._replace(**{Entry._fields[field]: other}))[2] != second[2]


@pytest.mark.parametrize("cut", [(-1, 0), (0, -1), (0, -8)])
def test_what_is_cut_off_is_refused_though_its_checksum_is_right(cut: tuple[int, int]) -> None:
    records, texts, _ = group(ENTRIES[2])
    records, texts = records[: len(records) + cut[0]], texts[: len(texts) + cut[1]]
    with pytest.raises(InputError, match="cut off"):
        unpack([(records, texts, chained(records, texts, 0))], 0, HERE)


def test_counts_are_those_of_a_replay() -> None:
    packed = [pack(STEPS[:2])[0], pack(STEPS[2:])[0]]
    assert counted(packed, 4, HERE) == replay(4, 0, Log.of(STEPS), HERE).counts()
    assert counted([], 3, HERE).as_dict() == {"planned": 3}


@pytest.mark.parametrize("wrong", [Entry(4, 1, 1, 1), Entry(0, 10, 1, 1), Entry(0, State.SKIPPED.value, 1, 1, 99)])
def test_what_does_not_exist_is_not_counted(wrong: Entry) -> None:
    with pytest.raises(InputError, match="does not exist"):
        counted([pack([wrong])[0]], 4, HERE)
