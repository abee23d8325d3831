"""What becomes of messages of unknown fate when a campaign wants to find out."""

import pytest

from engine.campaign.schema import UnknownPolicy
from engine.delivery.doubts import (
    FIRST_LOOK,
    MARGIN,
    MOST_TRIES_IN_DOUBT,
    DoubtRule,
    Evidence,
    Nobody,
    Witnesses,
    reconcile,
)
from engine.errors import Place, ServiceError
from engine.ledger.entries import Entry, Log
from engine.ledger.replay import Standing, replay
from engine.ledger.states import Reason, State

HOUR = 3_600_000_000
START = 1_000_000 * HOUR
OPENED = Evidence("open", "the picture was fetched", "abc")
SKIP, RESEND = DoubtRule(2 * HOUR, UnknownPolicy.SKIP), DoubtRule(2 * HOUR, UnknownPolicy.RESEND)


def doubt(row: int, at: int, attempt: int = 1) -> list[Entry]:
    return [
        Entry(row, State.INTENT.value, attempt, at),
        Entry(row, State.UNKNOWN.value, attempt, at + 10, Reason.NO_REPLY.value),
    ]


def standing(*entries: Entry, size: int = 3) -> Standing:
    return replay(size, 0, Log.of(entries), Place("ledger"))


def test_what_somebody_knows_of_was_sent() -> None:
    before = standing(*doubt(0, START), *doubt(1, START))
    settled = reconcile(before, {0: OPENED}, SKIP, 0, START + HOUR)
    [entry] = settled.entries
    assert (entry.row, entry.state, entry.remote_id) == (0, State.RESOLVED_SENT, "abc")
    assert entry.detail == "open: the picture was fetched"


def test_evidence_counts_also_when_its_time_is_over() -> None:
    settled = reconcile(standing(*doubt(0, START)), {0: OPENED}, RESEND, 0, START + 9 * HOUR)
    assert [entry.state for entry in settled.entries] == [State.RESOLVED_SENT]


@pytest.mark.parametrize(("rule", "state"), [(SKIP, State.RESOLVED_SKIPPED), (RESEND, State.RESOLVED_RESEND)])
def test_when_nobody_knows_in_time_the_rule_decides(rule: DoubtRule, state: State) -> None:
    before = standing(*doubt(0, START), *doubt(1, START + HOUR))
    assert reconcile(before, {}, rule, 0, START + 2 * HOUR - 1).entries == []
    settled = reconcile(before, {}, rule, 0, START + 2 * HOUR)
    assert [(entry.row, entry.state) for entry in settled.entries] == [(0, state)]


def test_the_looks_become_rarer_and_the_last_one_is_on_time() -> None:
    before = standing(*doubt(0, START))
    now, looks = START, []
    while (look := reconcile(before, {}, SKIP, 0, now).next_look) is not None:
        looks.append(look - START)
        now = look
    assert looks == [FIRST_LOOK * 2**number for number in range(7)] + [2 * HOUR]


def test_a_message_is_not_sent_again_for_ever() -> None:
    before = standing(*doubt(0, START, MOST_TRIES_IN_DOUBT))
    assert reconcile(before, {}, RESEND, 0, START + 2 * HOUR) == reconcile(before, {}, RESEND, 0, START + 99 * HOUR)
    assert reconcile(before, {}, RESEND, 0, START + 2 * HOUR).entries == []
    assert reconcile(before, {}, SKIP, 0, START + 2 * HOUR).entries[0].state == State.RESOLVED_SKIPPED


def test_what_the_other_end_knows_again_goes_once_more_until_it_forgets() -> None:
    day = 24 * HOUR
    later = [Entry(0, State.RESOLVED_RESEND.value, 1, START + HOUR), *doubt(0, START + HOUR, 2)]
    before = standing(*doubt(0, START), *later)  # it counts from the first try
    assert [each.state for each in reconcile(before, {}, SKIP, day, START + HOUR).entries] == [State.RESOLVED_RESEND]
    assert reconcile(before, {}, DoubtRule(9 * day), day, START + day - MARGIN).entries == []
    assert reconcile(before, {}, DoubtRule(9 * day), day, START - HOUR).entries == []  # a clock that was set back


def test_to_settle_twice_changes_nothing_more() -> None:
    entries = [*doubt(0, START), *doubt(1, START), *doubt(2, START + HOUR)]
    settled = reconcile(standing(*entries), {0: OPENED}, RESEND, 0, START + 2 * HOUR)
    for written in range(len(settled.entries) + 1):
        again = reconcile(standing(*entries, *settled.entries[:written]), {0: OPENED}, RESEND, 0, START + 2 * HOUR)
        assert again.entries == settled.entries[written:]
        assert again.next_look == settled.next_look


class Says:
    def __init__(self, *keys: bytes, fails: bool = False, remembers: int = 0) -> None:
        self.remembers = remembers
        self.asked: list[bytes] = []
        self._keys = keys
        self._fails = fails

    def ask(self, keys: list[bytes]) -> dict[bytes, Evidence]:
        self.asked.extend(keys)
        if self._fails:
            raise ServiceError.single("MR755", "nobody answers")
        return {key: OPENED for key in keys if key in self._keys}


def test_who_does_not_answer_knows_nothing_and_whoever_knows_is_enough() -> None:
    first, second, third = Says(b"a"), Says(fails=True), Says(b"a", b"b")
    witnesses = Witnesses([first, second, third, Nobody(7)])
    assert set(witnesses.ask([b"a", b"b", b"c"])) == {b"a", b"b"}
    assert third.asked == [b"b", b"c"]
    assert [fault.code for fault in witnesses.faults] == ["MR755"]
    assert witnesses.remembers == 7
