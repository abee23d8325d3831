"""Whatever fails, whoever is lost, and however often the driver begins again: each event is met once and in order, each execution that is
due goes on, and the mark never passes what is not done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

USERS = st.sampled_from(["ann", "bob", "eve"])
TYPES = st.sampled_from(["left", "bought", "seen", "trigger:cart"])
ACTIONS = st.one_of(
    st.tuples(st.just("happen"), USERS, TYPES),
    st.tuples(st.just("happen"), USERS, TYPES),
    st.tuples(st.just("enter"), USERS),
    st.tuples(st.just("change"), st.lists(USERS, min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("read")),
    st.tuples(st.just("read")),
    st.tuples(st.just("fill")),
    st.tuples(st.just("fill")),
    st.tuples(st.just("hand out"), st.integers(1, 4)),
    st.tuples(st.just("hand out"), st.integers(1, 4)),
    st.tuples(st.just("finish"), st.integers(0, 9)),
    st.tuples(st.just("finish"), st.integers(0, 9)),
    st.tuples(st.just("lose"), st.integers(0, 9), st.booleans(), st.booleans()),
    st.tuples(st.just("fail"), st.lists(st.sampled_from(["well", "before", "after"]), min_size=1, max_size=4)),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 300, 700])),
)


def act(world: Any, action: tuple[Any, ...]) -> None:
    match action:
        case ("happen", user, event):
            world.happen(user, event)
        case ("enter", user):
            world.enter(user)
        case ("change", users):
            world.change(users)
        case ("read",):
            world.attempt(lambda: world.intake.read(world.now))
        case ("fill",):
            world.dispatcher.told()
            world.attempt(lambda: world.dispatcher.fill(world.now))
        case ("hand out", places):
            world.hand_out(places)
        case ("finish", which):
            world.finish(which)
        case ("lose", which, worked, ended):
            world.lose(which, worked=worked, ended=ended)
        case ("fail", faults):
            world.faults.coming += faults
        case ("restart", empty):
            world.restart(empty=empty)
        case ("wait", seconds):
            world.now += seconds * 1_000_000


LEFT = ("happen", "ann", "left")
BOUGHT = ("happen", "ann", "bought")
CHANGE = ("change", ["ann"])
TAKE = [("read",), ("fill",)]
WORK = [*TAKE, ("hand out", 4)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTIONS, min_size=20, max_size=70))
# What comes again comes first.
@example([LEFT, *WORK, BOUGHT, *TAKE, ("lose", 0, False, False), BOUGHT, *TAKE, ("wait", 1), *WORK])
# The queue is told again what is done.
@example([LEFT, *WORK, ("finish", 0), ("fail", ["before"]), ("fill",)])
@example([LEFT, ("fail", ["well", "before"]), ("read",), *WORK])
@example([("fail", ["before"]), CHANGE, *WORK])
# What was taken, and nobody has heard of, comes before what is there besides.
@example([LEFT, ("read",), ("wait", 1), ("fail", ["after"]), ("fill",), LEFT, *WORK])
# What is here comes again.
@example([LEFT, ("wait", 1), *WORK, ("fail", ["after"]), ("fill",), ("fill",)])
@example([("enter", "ann"), LEFT, *WORK, ("lose", 0, False, False), *WORK, ("wait", 700), *WORK])
@example([CHANGE, *WORK, ("finish", 0), CHANGE, *WORK])
@example([LEFT, *WORK, ("finish", 0), ("finish", 0), ("restart", True), CHANGE, *WORK])
def test_each_event_is_met_once_and_in_order(make_world: Callable[[], Any], actions: list[tuple[Any, ...]]) -> None:
    world = make_world()
    for action in actions:
        act(world, action)
        world.check()
    world.settle()
    world.check()
    assert world.met == world.caused
    assert world.alive() == 0
    assert world.intake.open == 0
    assert not world.notices
    assert not any(each.scheduled or each.in_work for each in world.dispatcher.figures().values())
