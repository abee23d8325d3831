import pytest

from engine.delivery.settlement import RESOLUTIONS, cancel, doubtful, resolve
from engine.errors import Place
from engine.ledger.entries import Entry, Log
from engine.ledger.replay import Standing, replay
from engine.ledger.states import Reason, State

STATES = [*State]
NOW = 2_000


def path_to(state: State) -> list[State]:
    ways = {
        State.PLANNED: [],
        State.INTENT: [State.INTENT],
        State.SKIPPED: [State.SKIPPED],
        State.DEFERRED: [State.DEFERRED],
        State.REJECTED: [State.REJECTED],
        State.ACCEPTED: [State.INTENT, State.ACCEPTED],
        State.UNKNOWN: [State.INTENT, State.UNKNOWN],
    }
    return ways.get(state, [State.INTENT, State.UNKNOWN, state])


def standing(entries: list[Entry]) -> Standing:
    before = [Entry(row, step.value, 1, 1_000) for row, state in enumerate(STATES) for step in path_to(state)]
    return replay(len(STATES), 1_000, Log.of([*before, *entries]), Place("memory"))


def test_a_cancel_leaves_nothing_to_send_and_no_doubt_unlisted() -> None:
    after = standing(cancel(standing([]), NOW))
    expected = {
        State.PLANNED: State.SKIPPED,
        State.DEFERRED: State.SKIPPED,
        State.RESOLVED_RESEND: State.SKIPPED,
        State.INTENT: State.UNKNOWN,
    }
    assert after.state.tolist() == [expected.get(state, state) for state in STATES]
    assert after.counts().skipped[Reason.CANCELLED] == 3
    assert cancel(after, NOW) == []


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_doubts_are_settled_and_nothing_else(resolution: State) -> None:
    before = standing([])
    rows = doubtful(before)
    assert [STATES[row] for row in rows] == [State.INTENT, State.UNKNOWN]
    after = standing(resolve(before, rows, resolution, NOW))
    assert after.state.tolist() == [resolution if row in rows else state for row, state in enumerate(STATES)]
    assert doubtful(after) == []
