"""The batch engine is the interpreter, faster; how a batch is cut and when somebody looks changes nothing."""

from __future__ import annotations

from crashing import story
from crashing import through as run_through
from driving import SHOWN, Batched, Interpreted, comparable, drive, named
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import HOUR, START, World, worlds

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def told(engine: Batched | Interpreted) -> tuple[object, ...]:
    """Everything that an engine has to show."""
    if isinstance(engine, Batched):
        rows, history, effects = list(engine.executions.values()), engine.history, engine.effects
    else:
        rows = engine.rows
        history = [each for row in rows for each in row["history"]]
        effects = [each for row in rows for each in row["effects"]]
    standing = sorted(({name: row[name] for name in SHOWN} for row in rows), key=lambda row: row["execution_id"])
    return standing, comparable(history), named(effects)


def through(world: World, engine: Batched | Interpreted, ticks: list[int], late: int = 0) -> tuple[object, ...]:
    drive(world, engine, ticks, late)
    return told(engine)


@settings(COMMON, max_examples=60)
@given(world=worlds(), late=st.integers(0, 2))
def test_a_batch_is_what_each_execution_is_alone(world: World, late: int) -> None:
    ours = through(world, Batched(world), world.ticks, late)
    theirs = through(world, Interpreted(world), world.ticks, late)
    for mine, plain in zip(ours, theirs, strict=True):
        assert mine == plain


@settings(COMMON, max_examples=12)
@given(world=worlds(), size=st.integers(1, 3))
def test_any_split_gives_the_same(world: World, size: int) -> None:
    cut = Batched(world, lambda rows: [rows[start : start + size] for start in range(0, len(rows), size)])
    assert through(world, cut, world.ticks) == through(world, Batched(world), world.ticks)


@settings(COMMON, max_examples=20)
@given(world=worlds(webhooks=False, updates=False))
def test_it_does_not_matter_when_somebody_looks(world: World) -> None:
    """Without answers, which come when they come, and changes of people, which all their executions see."""
    once = through(world, Batched(world), world.ticks[-1:])
    hourly = through(world, Batched(world), [*range(START, world.ticks[-1], 7 * HOUR), world.ticks[-1]])
    assert hourly == once == through(world, Batched(world), world.ticks)


@settings(COMMON, max_examples=20)
@given(world=worlds(), where=st.floats(0, 1))
def test_who_is_killed_at_any_point_tells_the_same_story(world: World, where: float) -> None:
    whole, doings = run_through(world)
    killed, _ = run_through(world, 1 + round(where * (doings - 1)))
    assert story(killed) == story(whole)


def test_the_worlds_have_all_that_can_happen() -> None:
    outcomes: set[str] = set()
    states: set[str] = set()

    @settings(COMMON, max_examples=200, database=None, derandomize=True)
    @given(world=worlds())
    def look(world: World) -> None:
        engine = Interpreted(world)
        drive(world, engine, world.ticks)
        outcomes.update(each["outcome"] for row in engine.rows for each in row["history"])
        states.update(row["state"] for row in engine.rows)

    look()
    assert outcomes >= {"done", "timed_out", "retrying", "failed", "goal", "exited"}
    assert states >= {"waiting", "done", "failed", "exited"}
