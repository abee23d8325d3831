from itertools import product

import numpy as np
import pytest

from engine.ledger.states import ALLOWED, SENDABLE, TERMINAL, TRANSITIONS, State


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(State)
    assert all(followers <= set(State) for followers in TRANSITIONS.values())


def test_terminal_states_are_those_that_nothing_follows() -> None:
    assert {state for state, followers in TRANSITIONS.items() if not followers} == TERMINAL


def test_a_message_is_on_the_wire_only_after_an_intent() -> None:
    for state in (State.ACCEPTED, State.UNKNOWN):
        assert [before for before in State if state in TRANSITIONS[before]] == [State.INTENT]


def test_a_doubt_is_never_sent_again_without_a_decision() -> None:
    assert State.INTENT not in TRANSITIONS[State.UNKNOWN]
    assert {before for before in State if State.INTENT in TRANSITIONS[before]} == SENDABLE


@pytest.mark.parametrize("start", State)
def test_every_state_can_reach_an_end(start: State) -> None:
    reached, edge = {start}, {start}
    while edge:
        edge = set().union(*(TRANSITIONS[state] for state in edge)) - reached
        reached |= edge
    assert reached & TERMINAL


def test_the_array_is_the_table() -> None:
    for before, after in product(State, State):
        assert ALLOWED[before, after] == (after in TRANSITIONS[before])
    assert ALLOWED.dtype == np.bool_
    assert not ALLOWED.flags.writeable
