"""A simulation is what the engine would have done, whatever the slices of time and the partitions of people."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import HOUR

from engine.pipeline.simulation.figures import ENDS, OUTCOMES

COMMON = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@settings(COMMON, max_examples=8)
@given(data=st.data())
def test_a_simulation_is_what_the_engine_does_step_by_step(
    data: st.DataObject, case_of: Any, simulate: Any, step_by_step: Any
) -> None:
    case = data.draw(case_of(updates=False))
    figures, messages = simulate(case, data.draw(st.sampled_from([6, 30, 96])) * HOUR)
    engine = step_by_step(case)
    assert Counter(
        (each["person"], each["workflow"], each["step"], each["template"], each["decided_at"]) for each in messages
    ) == Counter(
        (each["user_id"], each["workflow"], each["step"], json.loads(each["payload"])["template"], each["at"])
        for each in engine.sends
    )
    for campaign, mine in zip(case.models, figures.workflows, strict=True):
        executions, history = engine.executions(campaign.name), engine.history(campaign.name)
        states = Counter(executions.column("state").to_pylist())
        assert mine.entered.sum() == executions.num_rows
        assert {each: days.sum() for each, days in zip(ENDS, mine.ended, strict=True)} == {
            each: states[each] for each in ENDS
        }
        assert mine.alive == states["ready"] + states["waiting"]
        assert mine.goals.sum() == sum(each["outcome"] == "goal" for each in history)
        visits = Counter((each["step"], each["outcome"]) for each in history if each["type"] is not None)
        assert visits == {
            (step.id, str(outcome)): count
            for step, row in zip(campaign.workflow, mine.steps.tolist(), strict=True)
            for outcome, count in zip(OUTCOMES, row, strict=True)
            if count
        }


@settings(COMMON, max_examples=3)
@given(data=st.data())
def test_any_split_gives_the_same(data: st.DataObject, case_of: Any, simulate: Any, told: Any) -> None:
    case = data.draw(case_of(updates=True))
    users = {each["id"] for each in case.people}
    apart = {each for each in users if int(each[1:]) % 2}
    whole, messages = simulate(case, 18 * HOUR)
    parts = [simulate(case.of(each), 18 * HOUR) for each in (apart, users - apart) if each]
    figures, rows = parts[0]
    for more, others in parts[1:]:
        figures.add(more)
        rows = rows + others
    assert told(rows) == told(messages)
    assert figures.items.tolist() == whole.items.tolist()
    for mine, theirs in zip(figures.workflows, whole.workflows, strict=True):
        for name in ("entered", "goals", "ended", "steps", "fates", "moved", "first", "last"):
            assert getattr(mine, name).tolist() == getattr(theirs, name).tolist(), name
        assert (mine.alive, +mine.refused, mine.ways) == (theirs.alive, +theirs.refused, theirs.ways)
