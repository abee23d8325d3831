"""What begins executions in a simulation, and what people become in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from engine.campaign.schema import Campaign
from engine.pipeline.simulation.contract import DAY, DUPLICATE, EVENTS, SUPPRESSED, SimulatedWorkflow, SimulationPlan
from engine.pipeline.simulation.partition import Simulated, Simulation

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
SCHEMA = pa.schema([("id", pa.string()), ("email", pa.string()), ("n", pa.int64()), ("born", pa.date32())])
PEOPLE = [
    {"id": "ann", "email": "ann@example.com", "n": 1, "born": date(1990, 3, 4)},
    {"id": "bob", "email": "bob@example.com", "n": 2, "born": date(1990, 7, 1)},
    {"id": "cyd", "email": None, "n": 3, "born": None},
]
Workflow = Callable[..., Campaign]
Run = Callable[..., Simulated]


@pytest.fixture
def workflow() -> Workflow:
    def make(name: str = "w", steps: list[dict[str, Any]] | None = None, **more: Any) -> Campaign:
        whole = {
            **{"name": name, "type": "lifecycle_campaign", "audience": {"source": "a.csv", "key": "id"}},
            **{"delivery": {"from": {"address": "a@example.com"}}, "events": {"e": {}}},
            "workflow": steps or [{"id": "tell", "type": "send_email", "template": "t"}],
        }
        return Campaign.model_validate({**whole, **more}, by_alias=True, by_name=False)

    return make


@pytest.fixture
def run() -> Run:
    """Three people through workflows; events are who, what, and the hour from the start on."""

    def simulated(*campaigns: Campaign, events: list[tuple[str, str, float]] | None = None, days: int = 4) -> Simulated:
        start = round(START.timestamp()) * 1_000_000
        columns = [pa.array([each[name] for each in PEOPLE], SCHEMA.field(name).type) for name in SCHEMA.names]
        marks = pa.repeat(False, len(PEOPLE))
        people = pa.Table.from_arrays([*columns, marks, marks], names=[*SCHEMA.names, DUPLICATE, SUPPRESSED])
        rows = [
            {
                "user_id": user,
                "event_id": f"{number}",
                "event": what,
                "at": START + timedelta(hours=hour),
                "properties": f'{{"hour": {hour}}}',
            }
            for number, (user, what, hour) in enumerate(events or [])
        ]
        plan = SimulationPlan(
            tuple(SimulatedWorkflow(each, SCHEMA) for each in campaigns), start, start + days * DAY, "UTC"
        )
        return Simulation(plan, {}).of([people for _ in campaigns], pa.Table.from_pylist(rows, EVENTS))

    return simulated


def sent(found: Simulated) -> list[tuple[str, float, str]]:
    """Who gets something, how many hours after the start, and what becomes of it."""
    return [
        (each["person"], (each["decided_at"] - START).total_seconds() / 3_600, each["verdict"])
        for each in found.messages.to_pylist()
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [("ann", 0, "sent"), ("bob", 0, "sent"), ("cyd", 0, "missing_address")]),
        ({"audience": {"source": "a.csv", "key": "id", "where": "n = 2"}}, [("bob", 0, "sent")]),
        ({"trigger": {"cron": "30 9 * * *", "timezone": "Asia/Tokyo", "when": "n = 1"}},
         [("ann", 24 * day + 0.5, "sent") for day in range(4)]),
        ({"trigger": {"cron": "0 9 * * MON", "when": "n = 1"}}, [("ann", 9, "sent")]),
        ({"trigger": {"anniversary": "born", "at": "10:00"}}, [("ann", 58, "sent")]),
        ({"trigger": {"api": True, "properties": {"hour": "number"}, "when": "n < 3 AND event.hour = 7"}},
         [("bob", 7, "sent")]),
        ({"trigger": {"event": "e"}, "reentry": "1 day"}, [("ann", 5, "sent"), ("ann", 31, "sent")]),
    ],
)  # fmt: skip
def test_what_begins_executions(more: Any, expected: Any, workflow: Workflow, run: Run) -> None:
    events = [("bob", "trigger:w", 7), ("cyd", "trigger:w", 8), ("ann", "trigger:v", 9)]
    events += [("ann", "e", 5), ("ann", "e", 28), ("ann", "e", 31), ("nobody", "e", 4)]
    found = run(workflow(**more), events=events)
    assert sent(found) == expected
    entered = found.figures.workflows[0].entered.sum()
    assert entered == len(expected)
    assert found.figures.strangers == 1


def test_what_one_workflow_sets_another_sees_in_the_next_slice(workflow: Workflow, run: Run) -> None:
    """The one that comes to be in the segment so enters the other; who is in it from the beginning does not."""
    setting = workflow(
        "setting", [{"id": "more", "type": "update_user_data", "set": {"n": "n + 1"}}], trigger={"event": "e"}
    )
    waiting = [
        {"id": "many", "type": "wait_condition", "condition": "n >= 4", "timeout": "3 days", "on_timeout": "end"}
    ]
    waiting.append({"id": "tell", "type": "send_email", "template": "t"})
    three = workflow("three", segments={"big": "n >= 3"}, trigger={"segment_entry": "big"})
    found = run(setting, three, workflow("four", waiting), events=[("bob", "e", 1), ("bob", "e", 31)])
    by_workflow = {name: [] for name in ("three", "four")}
    for row in found.messages.to_pylist():
        by_workflow[row["workflow"]].append((row["person"], (row["decided_at"] - START).total_seconds() / 3_600))
    assert by_workflow == {"three": [("bob", pytest.approx(6))], "four": [("bob", pytest.approx(36))]}


def test_work_and_ways_are_counted(workflow: Workflow, run: Run) -> None:
    steps = [
        {"id": "fork", "type": "conditional_branch", "split": [{"weight": 1, "next": "a"}, {"weight": 1, "next": "b"}]},
        {"id": "a", "type": "send_email", "template": "a", "next": "rest"},
        {"id": "b", "type": "send_email", "template": "b"},
        {"id": "rest", "type": "wait_condition", "condition": "n > 9", "every": "8 hours", "timeout": "1 day", "on_timeout": "end"},
        {"id": "never", "type": "send_email", "template": "b"},
    ]  # fmt: skip
    found = run(workflow(steps=steps, priority="high"), events=[("ann", "e", 1)])
    messages = found.messages.to_pylist()
    assert all(each["branch"] == f"fork:{each['step']}" and each["template"] == each["step"] for each in messages)
    figures = found.figures.workflows[0]
    assert sum(figures.ways.values()) == 3 and {step for step, _ in figures.ways} == {"fork"}
    # Three enter; each is looked at after 8 and 16 hours, and at the end; an event concerns whoever waits for a condition.
    assert found.figures.items[1].sum() == 3 + 3 * 3 + 1
    assert found.figures.a_person.tolist()[:2] == [1, 2]  # one has no address
