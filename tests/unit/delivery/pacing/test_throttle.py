import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery.message import Outcome, OutcomeClass
from engine.delivery.pacing import Limit, Sign, Throttle, sign_of
from engine.delivery.pacing.throttle import BREAK_AFTER, FIRST_BREAK, LONGEST_BREAK, REACTION_SECONDS

MINUTE = 60.0


def room(throttle: Throttle, now: float) -> int:
    """How many messages it lets begin at a moment."""
    begun = 0
    while throttle.wait(now) <= 0:
        throttle.begin(now)
        begun += 1
    for _ in range(begun):
        throttle.end(Sign.NOTHING, now)
    return begun


@pytest.mark.parametrize(
    ("outcome", "sign"),
    [
        (Outcome(OutcomeClass.DEFERRED, 421, "4.3.2"), Sign.CONGESTION),
        (Outcome(OutcomeClass.DEFERRED, 451, "4.7.28"), Sign.CONGESTION),
        (Outcome(OutcomeClass.DEFERRED, 452, "4.2.2"), Sign.NOTHING),
        (Outcome(OutcomeClass.DEFERRED), Sign.NOTHING),
        (Outcome(OutcomeClass.UNKNOWN), Sign.NOTHING),
        (Outcome(OutcomeClass.REJECTED, 550, "5.7.1"), Sign.SUCCESS),
        (Outcome(OutcomeClass.ACCEPTED, 250, "2.0.0"), Sign.SUCCESS),
    ],
)
def test_what_an_outcome_says_of_a_destination(outcome: Outcome, sign: Sign) -> None:
    assert sign_of(outcome) is sign


def test_congestion_halves_what_is_on_its_way_and_a_minute_gives_a_twentieth_back() -> None:
    throttle = Throttle(Limit(), 40, 0)
    assert room(throttle, 0) == 40
    for now, expected in ((10, 20), (20, 10), (30, 5)):
        throttle.begin(now)
        throttle.end(Sign.CONGESTION, now)
        throttle.begin(now)
        throttle.end(Sign.SUCCESS, now)
        assert room(throttle, now) == pytest.approx(expected, abs=1)
    before = room(throttle, 30)
    assert room(throttle, 30 + 5 * MINUTE) == pytest.approx(before + 10, abs=1)
    assert room(throttle, 30 + 20 * MINUTE) == 40
    assert throttle.idle(30 + 20 * MINUTE)


def test_replies_that_come_together_are_one_sign() -> None:
    throttle = Throttle(Limit(), 40, 0)
    for _ in range(5):
        throttle.begin(0)
    for each in range(5):
        throttle.end(Sign.CONGESTION, each * REACTION_SECONDS / 6)
    assert room(throttle, REACTION_SECONDS) == 20


def test_a_limit_on_connections_is_what_is_halved() -> None:
    throttle = Throttle(Limit(connections=4), 40, 0)
    assert room(throttle, 0) == 4
    throttle.begin(0)
    assert throttle.wait(0) == 0
    throttle.end(Sign.CONGESTION, 0)
    assert room(throttle, 0) == 2


def test_a_rate_is_halved_too() -> None:
    throttle = Throttle(Limit(per_second=10), 1_000, 0)
    assert room(throttle, 0) == 10
    throttle.begin(10)
    throttle.end(Sign.CONGESTION, 10)
    room(throttle, 10)
    assert throttle.wait(10) == pytest.approx(0.2, rel=0.01)


@given(st.lists(st.floats(0, 2), min_size=1, max_size=80), st.floats(0.5, 20))
def test_no_window_holds_more_than_the_rate_allows(gaps: list[float], rate: float) -> None:
    throttle, now, begun = Throttle(Limit(per_second=rate), 10_000, 0), 0.0, []
    for gap in gaps:
        now += gap
        while throttle.wait(now) <= 0:
            throttle.begin(now)
            begun.append(now)
    for first in range(len(begun)):
        for last in range(first, len(begun)):
            assert last - first + 1 <= max(rate, 1) + rate * (begun[last] - begun[first]) + 1e-6


def broken(now: float) -> Throttle:
    throttle = Throttle(Limit(), 40, 0)
    for _ in range(BREAK_AFTER):
        throttle.begin(now)
        throttle.end(Sign.CONGESTION, now)
    return throttle


def test_sign_after_sign_breaks_the_circuit_and_then_one_message_tries() -> None:
    throttle = broken(0)
    assert throttle.wait(1) == pytest.approx(FIRST_BREAK - 1)
    assert room(throttle, FIRST_BREAK) == 1
    throttle.begin(FIRST_BREAK)
    assert throttle.wait(FIRST_BREAK) == math.inf
    throttle.end(Sign.SUCCESS, FIRST_BREAK)
    assert room(throttle, FIRST_BREAK) > 1


def test_a_try_that_fails_waits_twice_as_long_up_to_half_an_hour() -> None:
    throttle, now, waits = broken(0), 0.0, []
    for _ in range(8):
        waits.append(throttle.wait(now))
        now += waits[-1]
        throttle.begin(now)
        throttle.end(Sign.CONGESTION, now)
    assert waits == [
        pytest.approx(each) for each in (60, 120, 240, 480, 960, LONGEST_BREAK, LONGEST_BREAK, LONGEST_BREAK)
    ]


def test_a_success_in_between_begins_the_count_anew() -> None:
    throttle = Throttle(Limit(), 40, 0)
    for each in range(3 * BREAK_AFTER):
        throttle.begin(each)
        throttle.end(Sign.SUCCESS if each % BREAK_AFTER == 0 else Sign.CONGESTION, each)
    assert throttle.wait(3 * BREAK_AFTER) == 0
