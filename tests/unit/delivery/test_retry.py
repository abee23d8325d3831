from hypothesis import given
from hypothesis import strategies as st

from engine.delivery.retry import Backoff, Schedule, spread

SECOND = 1_000_000


def test_waits_follow_the_schedule_and_the_last_repeats() -> None:
    schedule = Schedule(jitter=0)
    waits = [schedule.next_at(b"k" * 16, attempt, 0) // SECOND for attempt in range(1, 9)]
    assert waits == [300, 900, 1800, 3600, 7200, 14400, 14400, 14400]


@given(st.binary(min_size=16, max_size=16), st.integers(1, 50))
def test_jitter_keeps_its_bounds_and_is_no_accident(key: bytes, attempt: int) -> None:
    wait = Schedule().next_at(key, attempt, 7) - 7
    plain = Schedule(jitter=0).next_at(key, attempt, 7) - 7
    assert 0.8 * plain <= wait <= 1.2 * plain
    assert wait == Schedule().next_at(key, attempt, 7) - 7


def test_jitter_is_spread_evenly_over_messages_and_tries() -> None:
    drawn = [spread(key.to_bytes(16, "big"), attempt) for key in range(500) for attempt in (1, 2)]
    tenths = [sum(low <= 10 * (each + 1) / 2 < low + 1 for each in drawn) for low in range(10)]
    assert sum(tenths) == 1000
    assert all(60 <= tenth <= 140 for tenth in tenths)


def test_backoff_doubles_to_its_longest_and_gives_up() -> None:
    backoff = Backoff(first=1, longest=5, jitter=0, attempts=6)
    assert [backoff.wait(b"lane", failures) for failures in range(1, 8)] == [1, 2, 4, 5, 5, None, None]
