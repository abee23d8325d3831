from hypothesis import given
from hypothesis import strategies as st

from engine.delivery.pacing import TokenBucket


def test_the_burst_is_free_and_the_rest_waits_in_line() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=0)
    assert [round(bucket.take(0), 6) for _ in range(5)] == [0, 0, 0.1, 0.2, 0.3]


@given(
    rate=st.floats(0.1, 1000),
    burst=st.floats(1, 50),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_no_window_ever_holds_more_than_burst_and_rate_allow(rate: float, burst: float, gaps: list[float]) -> None:
    bucket, now, sent = TokenBucket(rate, burst, 0), 0.0, []
    for gap in gaps:
        now += gap
        sent.append(now + bucket.take(now))
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= burst + rate * (sent[last] - sent[first]) + 1e-6


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30))
def test_a_clock_that_steps_back_gives_nothing_away(steps: list[float]) -> None:
    bucket = TokenBucket(rate=1, burst=1, now=0)
    highest, now, taken = 0.0, 0.0, 0
    for step in steps:
        now += step
        highest = max(highest, now)
        taken += bucket.take(now) == 0
    assert taken <= 1 + highest
