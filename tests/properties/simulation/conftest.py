"""Two workflows beside one another, simulated, and worked on step by step by the engine and its store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from driving import plain, table
from hypothesis import strategies as st
from worlds import AUDIENCE, DAY, HOUR, START, World, worlds

from engine.campaign.schema import Campaign, Priority
from engine.personalization.assignment import uniform
from engine.pipeline.simulation.contract import DUPLICATE, EVENTS, SUPPRESSED, SimulatedWorkflow, SimulationPlan
from engine.pipeline.simulation.figures import Figures
from engine.pipeline.simulation.partition import Simulation
from engine.workflow import WorkflowProgram
from engine.workflow.definition import again_after
from engine.workflow.memory import MemoryExecutions
from engine.workflow.news import ARRIVALS, REPLIES
from engine.workflow.triggers import TriggerProgram

Row = dict[str, Any]
SCHEMA = pa.schema([*AUDIENCE, ("email", pa.string())])
DAYS = 6
END = START + DAYS * DAY


@dataclass(frozen=True)
class Case:
    """``events`` are rows of EVENTS with instants as microseconds."""

    campaigns: tuple[Row, ...]
    people: list[Row]
    events: list[Row]

    @property
    def models(self) -> list[Campaign]:
        return [Campaign.model_validate(each, by_alias=True, by_name=False) for each in self.campaigns]

    def of(self, users: set[str]) -> Case:
        return Case(
            self.campaigns,
            [each for each in self.people if each["id"] in users],
            [each for each in self.events if each["user_id"] in users],
        )


@st.composite
def cases(draw: st.DrawFn, updates: bool) -> Case:
    world: World = draw(worlds(updates=updates))
    cart = {**world.campaign, "reentry": draw(st.sampled_from(["after_exit", "never", "2 days"]))}
    beside = {
        **{name: cart[name] for name in ("type", "class", "timezone", "audience", "segments", "events", "delivery")},
        **{"name": "beside", "priority": draw(st.sampled_from([str(each) for each in Priority]))},
        **{"trigger": {"event": draw(st.sampled_from(["left", "seen"]))}},
        **draw(st.sampled_from([{}, {"not_while": ["cart"]}, {"only_after": ["cart"]}])),
        "workflow": [
            {"id": "rest", "type": "wait_condition", "for": "5 hours"},
            {"id": "tell", "type": "send_email", "template": "tell"},
            {"id": "more", "type": "wait_condition", "event": "bought", "timeout": "3 days", "on_timeout": "end"},
        ],
    }
    if draw(st.booleans()):
        cart["not_while"] = ["beside"]
    begun = [
        {
            "user_id": each["user_id"],
            "at": each["at"],
            "event": world.beginning,
            "properties": json.dumps({"total": each["total"]}),
        }
        for each in world.entries
    ]
    told = [each for each in world.arrivals if each["event"] is not None and each["at"] < END]
    events = [{**each, "event_id": f"n{number}"} for number, each in enumerate([*begun, *told])]
    people = [{**each, "email": f"{each['id']}@example.com"} for each in world.people]
    return Case((cart, beside), people, events)


@pytest.fixture(scope="session")
def case_of() -> Callable[..., st.SearchStrategy[Case]]:
    return cases


@pytest.fixture(scope="session")
def simulate() -> Callable[..., tuple[Figures, list[Row]]]:
    """The figures and the messages of a case, of people in one partition."""

    def run(case: Case, slice_: int = 6 * HOUR) -> tuple[Figures, list[Row]]:
        workflows = tuple(SimulatedWorkflow(each, SCHEMA) for each in case.models)
        people = table(case.people, SCHEMA)
        marks = pa.repeat(False, len(case.people))
        whole = pa.Table.from_arrays([*people.columns, marks, marks], names=[*SCHEMA.names, DUPLICATE, SUPPRESSED])
        plan = SimulationPlan(workflows, START, END, "UTC")
        events = pa.Table.from_batches([table(case.events, EVENTS)])
        found = Simulation(plan, {}, slice_).of([whole for _ in workflows], events)
        return found.figures, plain(
            found.messages.combine_chunks().to_batches(max_chunksize=1 << 20)[0]
        ) if found.messages.num_rows else []

    return run


class StepByStep:
    """The engine, its triggers and its store, called at each instant at which something happens; calls are answered at once."""

    def __init__(self, case: Case) -> None:
        self.store = MemoryExecutions()
        self.campaigns = sorted(case.models, key=lambda each: list(Priority).index(each.priority))
        self.programs = {each.name: WorkflowProgram(each, SCHEMA, uniform) for each in self.campaigns}
        self.triggers = {each.name: TriggerProgram(each, SCHEMA, "v") for each in self.campaigns}
        self.people = {each["id"]: each for each in case.people}
        self.sends: list[Row] = []
        known = [each for each in case.events if each["user_id"] in self.people]
        for at, together in groupby(
            sorted(known, key=lambda each: (each["at"], each["event_id"])), lambda each: each["at"]
        ):
            self._work(at - 1)
            self._meet(at, list(together))
        self._work(END - 1)

    def _meet(self, at: int, events: list[Row]) -> None:
        arrivals = table([{**each, "position": at} for each in events], ARRIVALS)
        users = [each["user_id"] for each in events]
        for campaign in self.campaigns:
            entries = self._entries(campaign, arrivals)
            self.store.enter(entries, again_after(campaign), campaign.not_while, campaign.only_after)
        for campaign in self.campaigns:
            claimed = self.store.concerned(campaign.name, users, at, at)
            assert not claimed.busy
            self._advance(campaign.name, claimed.executions, at, arrivals)

    def _entries(self, campaign: Campaign, arrivals: pa.RecordBatch) -> pa.RecordBatch:
        trigger = self.triggers[campaign.name]
        if campaign.trigger is None or not campaign.trigger.api:
            return trigger.of_events(arrivals, self._rows(arrivals.column("user_id").to_pylist()))
        calls = arrivals.filter(pc.equal(arrivals.column("event"), f"trigger:{campaign.name}"))
        return trigger.of_calls(calls, self._rows(calls.column("user_id").to_pylist()))

    def _work(self, clock: int) -> None:
        for name in self.programs:
            while (due := self.store.due([name], clock, 100, clock)).num_rows:
                self._advance(name, due, clock)

    def _advance(
        self, name: str, executions: pa.RecordBatch, clock: int, arrivals: Any = None, replies: Any = None
    ) -> None:
        if not executions.num_rows:
            return
        people = self._rows(executions.column("user_id").to_pylist())
        advanced = self.programs[name].advance(executions, people, clock, arrivals, replies)
        self.store.save(advanced.executions, advanced.history, advanced.effects)
        for effect in plain(
            self.store.effects(["send", "update", "membership", "call"], [name], clock, 1_000, clock + 1)
        ):
            self.store.settle([effect["name"]])
            if effect["kind"] == "send":
                self.sends.append(effect)
            if effect["kind"] == "call":
                self._answer(name, effect, clock)

    def _answer(self, name: str, effect: Row, clock: int) -> None:
        execution, step, occurrence, attempt = effect["name"].split("/")
        reply = {
            **{"execution_id": execution, "step": step, "occurrence": int(occurrence), "attempt": int(attempt)},
            **{"at": effect["at"], "good": True, "again": False, "body": "{}"},
        }
        claimed = self.store.concerned(name, [effect["user_id"]], clock, clock)
        self._advance(name, claimed.executions, clock, replies=table([reply], REPLIES))

    def _rows(self, users: Sequence[str]) -> pa.RecordBatch:
        return table([self.people[each] for each in users], SCHEMA)

    def history(self, name: str) -> list[Row]:
        ids = self.executions(name).column("execution_id").to_pylist()
        return plain(self.store.history(ids))

    def executions(self, name: str) -> pa.RecordBatch:
        return self.store.of_workflow(name, ["ready", "waiting", "done", "exited", "failed"], "", 10_000)


@pytest.fixture(scope="session")
def step_by_step() -> type[StepByStep]:
    return StepByStep


@pytest.fixture(scope="session")
def told() -> Callable[[Sequence[Row]], Counter[tuple[Any, ...]]]:
    """Messages as they are, whatever their order."""
    return lambda rows: Counter(tuple(sorted((name, str(value)) for name, value in row.items())) for row in rows)
