"""Workers of an automation: whoever is killed anywhere tells the same story, and so does whoever takes more at a time."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from working import programs_of, story, through
from worlds import World, worlds

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(COMMON, max_examples=12)
@given(world=worlds(), where=st.floats(0, 1))
def test_who_is_killed_anywhere_tells_the_same_story(world: World, where: float) -> None:
    programs = programs_of(world)
    whole, doings = through(world, programs)
    killed, _ = through(world, programs, killed_at=1 + round(where * (doings - 1)))
    assert story(killed) == story(whole)
    for key, bodies in killed.heard.items():
        assert len(bodies) == 1, key


@settings(COMMON, max_examples=8)
@given(world=worlds(), size=st.integers(2, 5))
def test_who_is_worked_on_together_changes_nothing(world: World, size: int) -> None:
    programs = programs_of(world)
    assert story(through(world, programs, size)[0]) == story(through(world, programs, 1)[0])
