"""What must hold in every world, checked over what the server has seen and what the ledger says, and over nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

from engine.campaign.schema import UnknownPolicy
from engine.delivery.dispatch import GRACE, LONGEST_NAP
from engine.delivery.doubts import MOST_TRIES_IN_DOUBT
from engine.ledger.states import TERMINAL, TRANSITIONS, State
from simulated.process import content_of
from simulated.story import Story

STOP_SECONDS = 2.0


def check(story: Story) -> None:
    """Raises AssertionError that names the invariant."""
    arrived = Counter(each.row for each in story.network.arrivals)
    history = _history(story)
    _nobody_is_lost(story, history)
    _nobody_gets_it_twice(story, arrived, history)
    _ledger_and_server_agree(arrived, history)
    _doubts_are_settled_by_what_is_known(story, history)
    _only_allowed_steps(story, history)
    _what_was_refused_is_not_tried_again(story, history)
    _after_a_stop_there_is_silence(story)
    for each in story.network.arrivals:
        assert each.content + b"\r\n" == content_of(each.row), "a message that is sent again is the same, byte for byte"


def _history(story: Story) -> dict[int, list[State]]:
    log = story.standing.log
    history: dict[int, list[State]] = {row: [State.PLANNED] for row in range(story.messages)}
    for row, state in zip(log.row.tolist(), log.state.tolist(), strict=True):
        history[row].append(State(state))
    return history


def _nobody_is_lost(story: Story, history: dict[int, list[State]]) -> None:
    counts = story.ledger.counts()
    assert counts.planned == story.messages, "as many as were planned"
    assert sum(counts[state] for state in (*TERMINAL, State.UNKNOWN)) == story.messages, "each is at an end, or listed"
    assert all(steps[-1] in (*TERMINAL, State.UNKNOWN) for steps in history.values())


def _nobody_gets_it_twice(story: Story, arrived: Counter[int], history: dict[int, list[State]]) -> None:
    for row, times in arrived.items():
        steps = history[row]
        assert times <= steps.count(State.INTENT), f"{row}: on the wire at most once for each intent"
        assert times <= 1 + steps.count(State.RESOLVED_RESEND), (
            f"{row}: a second time only after a doubt that was resent"
        )
    if story.policy is UnknownPolicy.SKIP:
        assert max(arrived.values(), default=0) <= 1, "skip: nobody twice"


def _ledger_and_server_agree(arrived: Counter[int], history: dict[int, list[State]]) -> None:
    for row, steps in history.items():
        if steps[-1] in (State.ACCEPTED, State.RESOLVED_SENT):
            assert arrived[row] >= 1, f"{row}: accepted, so it has arrived"
        if arrived[row]:
            assert {State.ACCEPTED, State.UNKNOWN} & set(steps), f"{row}: arrived, so it is accepted or was in doubt"


def _doubts_are_settled_by_what_is_known(story: Story, history: dict[int, list[State]]) -> None:
    if story.policy is not UnknownPolicy.RECONCILE:
        return
    log = story.standing.log
    intent_at: dict[int, int] = {}
    for row, state, at in zip(log.row.tolist(), log.state.tolist(), log.at.tolist(), strict=True):
        if state == State.INTENT:
            intent_at[row] = at
        elif state == State.RESOLVED_SENT:
            assert story.gossip.asked[row, at], f"{row}: found out, so somebody said so"
        elif state in (State.RESOLVED_SKIPPED, State.RESOLVED_RESEND):
            assert not story.gossip.asked[row, at], f"{row}: given up or sent again though somebody knew"
            assert at >= intent_at[row] + story.rule.after, f"{row}: not waited for"
    for row, steps in history.items():
        if State.RESOLVED_RESEND in steps:
            assert story.rule.then is UnknownPolicy.RESEND
        if steps[-1] is State.UNKNOWN:
            assert story.rule.then is UnknownPolicy.RESEND, f"{row}: nobody decided"
            assert story.standing.attempt[row] >= MOST_TRIES_IN_DOUBT, f"{row}: nobody decided"


def _only_allowed_steps(story: Story, history: dict[int, list[State]]) -> None:
    for row, steps in history.items():
        for before, after in pairwise(steps):
            assert after in TRANSITIONS[before], f"{row}: {before.name} to {after.name}"
    assert story.standing.state.tolist() == story.standing.state.tolist() == [steps[-1] for steps in history.values()]


def _what_was_refused_is_not_tried_again(story: Story, history: dict[int, list[State]]) -> None:
    log = story.standing.log
    rejected: dict[int, int] = {}
    asked: dict[int, int] = defaultdict(int)
    for row, state in zip(log.row.tolist(), log.state.tolist(), strict=True):
        if state == State.REJECTED:
            rejected[row] = asked[row]
        elif state == State.INTENT:
            asked[row] += 1
    for row, steps in history.items():
        if State.REJECTED in steps:
            assert steps[-1] is State.REJECTED, f"{row}: rejected for good"
            assert asked[row] == rejected[row], f"{row}: no intent after a rejection"


def _after_a_stop_there_is_silence(story: Story) -> None:
    assert GRACE + LONGEST_NAP <= STOP_SECONDS
    stops = [process for process in story.processes if process.stopped_at is not None and not process.dead]
    for process in stops:
        late = [each for each in process.dots if each > process.stopped_at + STOP_SECONDS]
        assert not late, f"dots at {late} after a stop at {process.stopped_at}"
