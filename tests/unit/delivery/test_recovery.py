import pytest

from engine.campaign.schema import UnknownPolicy
from engine.delivery.recovery import MOST_TRIES_IN_DOUBT, recover
from engine.errors import Place
from engine.ledger.entries import Entry, Log
from engine.ledger.replay import Standing, replay
from engine.ledger.states import Reason, State

HERE = Place("ledger")
BEFORE = [
    Entry(0, State.INTENT.value, 1, 1),  # a crash left it open
    Entry(1, State.INTENT.value, 1, 1),
    Entry(1, State.ACCEPTED.value, 1, 1),
    Entry(2, State.INTENT.value, 1, 1),
    Entry(2, State.DEFERRED.value, 1, 1, next_at=50),
    Entry(3, State.INTENT.value, 1, 1),
    Entry(3, State.DEFERRED.value, 1, 1, next_at=150),
    Entry(4, State.INTENT.value, 1, 1),
    Entry(4, State.UNKNOWN.value, 1, 1, Reason.NO_REPLY.value),
    Entry(5, State.SKIPPED.value, 0, 1, Reason.SUPPRESSED.value),
    Entry(6, State.DEFERRED.value, 1, 1, next_at=101),
]


def after(entries: list[Entry]) -> Standing:
    return replay(8, 0, Log.of(entries), HERE)


@pytest.mark.parametrize(("policy", "ready"), [(UnknownPolicy.SKIP, [2, 7]), (UnknownPolicy.RESEND, [0, 2, 4, 7])])
def test_what_may_be_sent_after_a_crash(policy: UnknownPolicy, ready: list[int]) -> None:
    recovery = recover(after(BEFORE), policy, now=100)
    assert recovery.ready == ready
    assert recovery.next_due == 101
    assert recovery.crashed == 1
    assert recovery.entries[0] == Entry(0, State.UNKNOWN.value, 1, 100, Reason.CRASH.value)


@pytest.mark.parametrize("policy", UnknownPolicy)
def test_a_recovery_that_is_killed_can_be_repeated_from_anywhere(policy: UnknownPolicy) -> None:
    first = recover(after(BEFORE), policy, now=100)
    for written in range(len(first.entries) + 1):
        again = recover(after(BEFORE + first.entries[:written]), policy, now=100)
        assert again.ready == first.ready
    done = recover(after(BEFORE + first.entries), policy, now=100)
    assert (done.entries, done.crashed) == ([], 0)


def test_a_message_is_not_sent_again_for_ever() -> None:
    entries: list[Entry] = []
    for attempt in range(1, MOST_TRIES_IN_DOUBT + 1):
        entries.append(Entry(0, State.INTENT.value, attempt, 1))
        recovery = recover(replay(1, 0, Log.of(entries), HERE), UnknownPolicy.RESEND, now=2)
        entries += recovery.entries
    assert recovery.ready == []
    assert State(replay(1, 0, Log.of(entries), HERE).state[0]) is State.UNKNOWN


def test_a_new_partition_is_all_ready() -> None:
    recovery = recover(after([]), UnknownPolicy.SKIP, now=0)
    assert recovery.ready == list(range(8))
    assert (recovery.entries, recovery.next_due) == ([], None)
