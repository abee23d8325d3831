"""What every kind of step must do; a kind without an example here is a fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine.campaign.schema import Campaign
from engine.campaign.steps import END
from engine.conditions import Checkers, workflow_schema
from engine.personalization.assignment import uniform
from engine.workflow.cohort import Advance, Cause, Cohort, Effect, Replies, Route, StepProgram
from engine.workflow.executions import EffectKind
from engine.workflow.frame import Frame
from engine.workflow.scope import Scope
from engine.workflow.steps import STEPS

AUDIENCE = pa.schema([("id", pa.string()), ("n", pa.int64()), ("tz", pa.string())])
ROWS = 7
AT = 1_772_323_200_000_000 + np.arange(ROWS) * 3_600_000_000
EXAMPLES: list[dict[str, Any]] = [
    {"type": "send_email", "template": "offer"},
    {"type": "conditional_branch", "branches": [{"when": "n > 2", "next": "last"}, {"when": "n > 0", "next": "end"}], "else": "last"},
    {"type": "conditional_branch", "split": [{"weight": 1, "next": "last"}, {"weight": 2, "next": "end"}]},
    {"type": "segment_user", "into": "group", "choices": [{"when": "n > 2", "value": "a"}]},
    {"type": "wait_condition", "for": "1 day"},
    {"type": "wait_condition", "until": "2026-03-01T03:00:00Z"},
    {"type": "wait_condition", "until": "09:00"},
    {"type": "wait_condition", "event": "bought", "when": "event.total > n", "timeout": "1 day", "on_timeout": "last"},
    {"type": "wait_condition", "condition": "n > 2", "timeout": "1 day", "on_timeout": "last"},
    {"type": "update_user_data", "set": {"n": "n * 2", "more": "1e308 * n"}},
    {"type": "trigger_webhook", "url": "https://a.test/", "payload": {"n": "n"}, "response": {"score": {"path": "s", "type": "number"}}},
    {"type": "generic", "uses": "postcard", "with": {"size": "A5"}, "into": {"group": "text"}},
]  # fmt: skip


class Postcard:
    """A step as others may install one: it fails where there is no number, and writes what it was given."""

    def __init__(self, given: Mapping[str, Any], scope: Scope) -> None:
        self._size = given["size"]
        self._next = scope.following

    def advance(self, cohort: Cohort) -> Advance:
        known = np.asarray(cohort.batch(["n"]).column(0).is_valid())
        sent = Effect(EffectKind.UPDATE, known, constants={"postcard": self._size})
        return Advance(
            [Route(self._next, known)], columns={"group": pa.repeat(self._size, len(cohort))}, effects=[sent]
        )


def compiled(example: Mapping[str, Any]) -> tuple[StepProgram, Campaign, pa.Schema]:
    last = {"id": "last", "type": "send_email", "template": "t"}
    campaign = Campaign.model_validate(
        {
            **{"name": "c", "type": "nurture_sequence", "workflow": [{"id": "it", **example}, last]},
            **{"audience": {"source": "a", "key": "id", "timezone": "tz"}, "events": {"bought": {"total": "number"}}},
            "delivery": {"from": {"address": "a@example.com"}},
        },
        by_alias=True,
        by_name=False,
    )
    schema = workflow_schema(AUDIENCE, campaign)
    scope = Scope(campaign, schema, None, uniform, "last", {"postcard": Postcard}, Checkers("UTC"))
    return STEPS[type(campaign.workflow[0])](campaign.workflow[0], scope), campaign, schema


def cohort(schema: pa.Schema, rows: np.ndarray[Any, np.dtype[np.int64]], cause: Cause) -> Cohort:
    users = pa.array([f"u{row}" for row in range(ROWS)])
    zones = pa.array(["Europe/Berlin", None, "Asia/Kathmandu", "Mars/Base", "UTC", None, "America/New_York"])
    numbers = pa.array([None, 0, 1, 2, 3, 4, 5], pa.int64())
    blank = {each.name: pa.nulls(ROWS, each.type) for each in schema}
    frame = Frame(users, {**blank, "id": users, "n": numbers, "tz": zones}, None)
    totals = pa.StructArray.from_arrays([pa.array([9.0, None, 0.5, 3.0, 1.0, 7.0, 4.0])], ["total"]).take(
        pa.array(rows)
    )
    good = rows % 2 == 0
    bodies = pa.array(['{"score":1}', None, "{}", '{"score":"x"}', "[", '{"score":2.5}', "{}"]).take(pa.array(rows))
    errors = pa.array([None if each else "status" for each in good], pa.string())
    replies = Replies(good, rows % 3 == 0, errors, bodies, np.zeros(len(rows), dtype=np.int64))
    return Cohort(
        **{"frame": frame, "rows": rows, "at": AT[rows], "until": AT[rows] + rows % 2, "cause": cause},
        tries=np.zeros(len(rows), dtype=np.int32),
        event=totals if cause is Cause.EVENT else None,
        replies=replies if cause is Cause.REPLY else None,
    )


def cases() -> Iterator[Any]:
    for number, example in enumerate(EXAMPLES):
        causes = [Cause.ARRIVED]
        if example["type"] == "wait_condition":
            causes += [Cause.TIMER, *([Cause.EVENT] if "event" in example else [])]
            causes += [Cause.CHANGED] if "condition" in example else []
        if example["type"] == "trigger_webhook":
            causes.append(Cause.REPLY)
        yield from (pytest.param(example, cause, id=f"{example['type']}-{number}-{cause}") for cause in causes)


def what_became_of(advance: Advance, row: int) -> dict[str, Any]:
    """Everything that an advance says of its row, as plain values."""
    found: dict[str, Any] = {"routes": [], "effects": []}
    for route in advance.routes:
        if route.rows[row]:
            output = route.output[row].as_py() if isinstance(route.output, pa.Array) else route.output
            found["routes"].append((route.target, route.outcome, output))
    if advance.hold is not None and advance.hold.rows[row]:
        until = None if advance.hold.until is None else int(advance.hold.until[row])
        found["hold"] = (int(advance.hold.due[row]), until, advance.hold.awaits)
    if advance.failure is not None and advance.failure.rows[row]:
        found["failure"] = (advance.failure.errors[row].as_py(), bool(advance.failure.again[row]))
    else:
        found["columns"] = {name: column[row].as_py() for name, column in advance.columns.items()}
    for effect in advance.effects:
        if effect.rows[row]:
            columns = {name: column[row].as_py() for name, column in effect.columns.items()}
            found["effects"].append((effect.kind, columns, effect.constants))
    return found


@pytest.mark.parametrize(("example", "cause"), list(cases()))
def test_each_row_is_treated_as_if_it_were_alone(example: dict[str, Any], cause: Cause) -> None:
    step, _, schema = compiled(example)
    together = step.advance(cohort(schema, np.arange(ROWS), cause))
    for row in range(ROWS):
        alone = step.advance(cohort(schema, np.array([row]), cause))
        assert what_became_of(alone, 0) == what_became_of(together, row)


@pytest.mark.parametrize(("example", "cause"), list(cases()))
def test_each_row_goes_one_way_to_a_step_that_there_is(example: dict[str, Any], cause: Cause) -> None:
    step, campaign, schema = compiled(example)
    advance = step.advance(cohort(schema, np.arange(ROWS), cause))
    masks = [route.rows for route in advance.routes]
    masks += [advance.hold.rows] if advance.hold else []
    masks += [advance.failure.rows] if advance.failure else []
    assert np.sum(masks, axis=0).max() <= 1
    if cause in (Cause.ARRIVED, Cause.TIMER, Cause.REPLY) and example["type"] != "generic":
        assert np.sum(masks, axis=0).min() == 1  # nobody is forgotten
    assert {route.target for route in advance.routes} <= {*(each.id for each in campaign.workflow), END}
    for name, column in advance.columns.items():
        assert (column.type, len(column)) == (schema.field(name).type, ROWS)


@pytest.mark.parametrize(("example", "cause"), list(cases()))
def test_asked_again_it_says_the_same(example: dict[str, Any], cause: Cause) -> None:
    step, _, schema = compiled(example)
    first, second = (step.advance(cohort(schema, np.arange(ROWS), cause)) for _ in range(2))
    assert [what_became_of(first, row) for row in range(ROWS)] == [what_became_of(second, row) for row in range(ROWS)]


def test_every_kind_has_an_example() -> None:
    kinds = {model.model_fields["type"].annotation.__args__[0] for model in STEPS}
    assert {example["type"] for example in EXAMPLES} == kinds
