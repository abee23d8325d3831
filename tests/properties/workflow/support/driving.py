"""Both engines through the same world, tick after tick."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
from interpreter import Interpreter
from worlds import AUDIENCE, CONDITIONS, EXPRESSIONS, FIELDS, PEOPLE, WRITTEN, World

from engine.campaign.schema import Campaign
from engine.personalization.assignment import uniform
from engine.workflow import WorkflowProgram
from engine.workflow.executions import EXECUTIONS, INSTANT, execution_id
from engine.workflow.news import ARRIVALS, REPLIES

Row = dict[str, Any]
SHOWN = [name for name in EXECUTIONS.names if name not in ("context", "error", "seen")]
TOLD = ["execution_id", "move", "at", "step", "type", "occurrence", "attempt", "outcome", "stood_us"]


def begun(world: World) -> list[Row]:
    """The executions as a store begins them, with instants as microseconds."""
    rows = []
    for entry in world.entries:
        context = {"event": {"total": entry["total"]}}
        rows.append(
            {
                **dict.fromkeys(EXECUTIONS.names),
                **{"execution_id": execution_id("cart", entry["user_id"], "e"), "workflow": "cart", "version": "v1"},
                **{"user_id": entry["user_id"], "trigger": "event:left", "state": "ready", "step": "s0", "moves": 1},
                **{"occurrence": 0, "retry_count": 0, "claim": 1, "seen": 0, "context": json.dumps(context)},
                **dict.fromkeys(("entered_at", "arrived_at", "due"), entry["at"]),
            }
        )
    return rows


def table(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([row.get(field.name) for row in rows], field.type) for field in schema], schema=schema
    )


def plain(batch: pa.RecordBatch) -> list[Row]:
    """Rows with instants as microseconds."""
    columns = [
        column.view(pa.int64()) if field.type == INSTANT else column
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]
    return list(pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist())


class Batched:
    """The engine under test. ``split`` cuts a list of rows into batches."""

    def __init__(self, world: World, split: Callable[[list[Row]], Iterable[list[Row]]] = lambda rows: [rows]) -> None:
        campaign = Campaign.model_validate(world.campaign, by_alias=True, by_name=False)
        self.program = WorkflowProgram(campaign, AUDIENCE, uniform, fields=FIELDS_OF(world))
        self.executions = {row["execution_id"]: row for row in begun(world)}
        self.people = {row["id"]: dict(row) for row in world.people}
        self.history: list[Row] = []
        self.effects: list[Row] = []
        self.split = split

    def advance(self, clock: int, arrivals: list[Row], replies: list[Row]) -> list[Row]:
        """Gives the effects of this advance; updates are applied."""
        emitted: list[Row] = []
        for rows in self.split(list(self.executions.values())):
            people = table([self.people[row["user_id"]] for row in rows], PEOPLE)
            advanced = self.program.advance(
                table(rows, EXECUTIONS), people, clock, table(arrivals, ARRIVALS), table(replies, REPLIES)
            )
            self.executions |= {row["execution_id"]: row for row in plain(advanced.executions)}
            self.history += plain(advanced.history)
            emitted += [{**row, "payload": json.loads(row["payload"])} for row in plain(advanced.effects)]
        self.effects += emitted
        apply(self.people, emitted)
        return emitted


class Interpreted:
    """The interpreter, one execution after the other."""

    def __init__(self, world: World) -> None:
        self.interpreter = Interpreter(
            world.campaign, {**CONDITIONS, **WRITTEN}, EXPRESSIONS, uniform, FIELDS_OF(world)
        )
        self.rows = [
            {**row, "context": json.loads(row["context"]), "history": [], "effects": []} for row in begun(world)
        ]
        self.people = {row["id"]: dict(row) for row in world.people}

    def advance(self, clock: int, arrivals: list[Row], replies: list[Row]) -> list[Row]:
        emitted = []
        for row in self.rows:
            before = len(row["effects"])
            self.interpreter.advance(row, self.people[row["user_id"]], clock, arrivals, replies)
            emitted += row["effects"][before:]
        apply(self.people, emitted)
        return emitted


def FIELDS_OF(world: World) -> list[str]:  # noqa: N802
    """Columns that messages take with them and that the workflow has."""
    kinds = [step["type"] for step in world.campaign["workflow"]]
    marked = any("mark" in step.get("set", {}) for step in world.campaign["workflow"])
    has = {"tier": True, "level": "segment_user" in kinds, "mark": marked}
    return [name for name in FIELDS if has[name]]


def apply(people: dict[str, Row], effects: Iterable[Row]) -> None:
    for effect in effects:
        if effect["kind"] == "update":
            people[effect["user_id"]].update(effect["payload"])


def comparable(history: Iterable[Row]) -> list[Row]:
    """Rows of history by execution, outputs and errors as far as both engines say the same."""
    rows = []
    for row in history:
        output = row["output"]
        if output is not None and output.startswith("{"):
            output = json.loads(output)
        error = row["error"].split("`")[1] if row["error"] and row["error"].startswith("`") else row["error"]
        rows.append({**{name: row[name] for name in TOLD}, "output": output, "error": error})
    return sorted(rows, key=lambda row: (row["execution_id"], row["move"]))


def named(effects: Iterable[Row]) -> dict[str, tuple[str, int, Any]]:
    found = {}
    for effect in effects:
        payload = effect["payload"]
        if effect["kind"] == "call":
            payload = {"body": json.loads(payload["body"]) if isinstance(payload["body"], str) else payload["body"]}
        assert effect["name"] not in found, "an effect with the name of another"
        found[effect["name"]] = (effect["kind"], effect["at"], payload)
    return found


def drive(world: World, engine: Batched | Interpreted, ticks: Sequence[int], late: int = 0) -> None:
    """All arrivals up to a tick are told at it, some (``late`` of three) again at the next, and answers when they are there."""
    replies: list[Row] = []
    before = 0
    again: list[Row] = []
    for tick in ticks:
        arrivals = [each for each in world.arrivals if before < each["at"] <= tick]
        told, again = [*arrivals, *again], [each for place, each in enumerate(arrivals) if place % 3 < late]
        ready = [each for each in replies if each["at"] <= tick]
        while True:
            calls = [each for each in engine.advance(tick, told, ready) if each["kind"] == "call"]
            replies = [each for each in replies if each not in ready] + [world.reply(each) for each in calls]
            told, ready = [], [each for each in replies if each["at"] <= tick]
            if not ready:
                break
        before = tick
