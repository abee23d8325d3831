from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa

import engine.workflow.steps
from engine.campaign.schema import Campaign
from engine.campaign.steps import AnyStep
from engine.personalization.assignment import uniform
from engine.workflow import Passage, WorkflowProgram
from engine.workflow.steps import STEPS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = pa.schema([("n", pa.int64())])
BATCH = pa.record_batch({"n": pa.array([0, 1, 2, 3, None, 5])})
USERS = pa.array([f"u{n}" for n in range(6)])
ALL = np.ones(6, dtype=np.bool_)
STEP_LIST: list[dict[str, Any]] = [
    {
        **{"type": "segment_user", "id": "tag", "into": "level"},
        "choices": [{"when": "n >= 3", "value": "high"}, {"when": "n >= 1", "value": "low"}],
    },
    {
        **{"type": "conditional_branch", "id": "fork", "else": "news"},
        "branches": [{"when": "level = 'high'", "next": "offer"}, {"when": "n = 1", "next": "end"}],
    },
    {"type": "send_email", "id": "offer", "template": "offer"},
    {"type": "send_email", "id": "news", "template": "news"},
]


def program(steps: list[dict[str, Any]] = STEP_LIST, **rest: Any) -> WorkflowProgram:
    campaign = Campaign.model_validate(
        {
            **{"name": "spring", "type": "welcome_series", "workflow": steps, **rest},
            **{"audience": {"source": "a.parquet", "key": "id"}, "delivery": {"from": {"address": "news@example.com"}}},
        }
    )
    return WorkflowProgram(campaign, COLUMNS, uniform, NOW)


def sent(passage: Passage) -> dict[str, list[int]]:
    return {send.step: send.rows.tolist() for send in passage.sends}


def test_every_step_file_is_in_the_tuple() -> None:
    folder = Path(engine.workflow.steps.__file__).parent
    kinds = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert kinds == {model.model_fields["type"].annotation.__args__[0] for model in STEPS}
    assert set(STEPS) == set(get_args(get_args(AnyStep)[0]))


def test_a_choice_writes_the_first_value_that_holds_and_a_null_chooses_none() -> None:
    passage = program().run(BATCH, USERS, ALL)
    assert passage.batch.column("level").to_pylist() == [None, "low", "low", "high", None, "high"]


def test_each_row_takes_one_way() -> None:
    passage = program().run(BATCH, USERS, ALL)
    # An offer is followed by the news, as the next step in the list.
    assert sent(passage) == {"offer": [3, 5], "news": [0, 2, 3, 4, 5]}
    assert passage.taken == {
        "tag": {"fork": 6},
        "fork": {"offer": 2, "end": 1, "news": 3},
        "offer": {"news": 2},
        "news": {"end": 5},
    }


def test_rows_that_do_not_enter_leave_no_trace() -> None:
    entering = np.array([False, True, False, True, False, False])
    passage = program().run(BATCH, USERS, entering)
    assert passage.batch.column("level").to_pylist() == [None, "low", None, "high", None, None]
    assert sent(passage) == {"offer": [3], "news": [3]}
    assert passage.taken["fork"] == {"offer": 1, "end": 1, "news": 0}


def test_a_batch_is_treated_like_each_of_its_rows() -> None:
    whole = program().run(BATCH, USERS, ALL)
    for row in range(BATCH.num_rows):
        alone = program().run(BATCH.slice(row, 1), USERS.slice(row, 1), ALL[:1])
        assert alone.batch.to_pylist() == whole.batch.slice(row, 1).to_pylist()
        assert set(sent(alone)) == {step for step, rows in sent(whole).items() if row in rows}


def test_two_branches_may_lead_to_the_same_step() -> None:
    steps: list[dict[str, Any]] = [
        {
            **{"type": "conditional_branch", "id": "fork", "else": "end"},
            "branches": [{"when": "n = 1", "next": "go"}, {"when": "n = 2", "next": "go"}],
        },
        {"type": "send_email", "id": "go", "template": "t"},
    ]
    assert program(steps).run(BATCH, USERS, ALL).taken["fork"] == {"go": 2, "end": 4}


def test_a_message_takes_what_was_written_before_it() -> None:
    again = {"type": "segment_user", "id": "again", "into": "level", "choices": [{"when": "n = 1", "value": "new"}]}
    steps = [STEP_LIST[0], {"type": "send_email", "id": "a", "template": "t"}, again]
    passage = program([*steps, {"type": "send_email", "id": "b", "template": "t"}]).run(BATCH, USERS, ALL)
    first, second = (send.written["level"].to_pylist() for send in passage.sends)
    assert first == [None, "low", "low", "high", None, "high"]
    assert second == [None, "new", None, None, None, None]


def test_steps_may_stand_in_any_order() -> None:
    steps: list[dict[str, Any]] = [
        {
            **{"type": "conditional_branch", "id": "fork", "else": "last"},
            "branches": [{"when": "n = 1", "next": "first"}],
        },
        {"type": "send_email", "id": "last", "template": "t", "next": "end"},
        {"type": "send_email", "id": "first", "template": "t", "next": "last"},
    ]
    passage = program(steps).run(BATCH, USERS, ALL)
    order = [(row, send.step) for send in passage.sends for row in send.rows.tolist()]
    assert [step for row, step in order if row == 1] == ["first", "last"]
    assert sorted(row for row, step in order if step == "last") == [0, 1, 2, 3, 4, 5]


def test_an_exit_that_holds_is_taken_before_the_first_step() -> None:
    assert sent(program(exit=[{"when": "n >= 3"}]).run(BATCH, USERS, ALL)) == {"news": [0, 2, 4]}


def test_shares_are_kept_and_a_person_never_changes_sides() -> None:
    many = 20_000
    split = {
        **{"type": "conditional_branch", "id": "half"},
        "split": [{"weight": 1, "next": "a"}, {"weight": 3, "next": "b"}],
    }
    steps: list[dict[str, Any]] = [
        split,
        {"type": "send_email", "id": "a", "template": "t", "next": "end"},
        {"type": "send_email", "id": "b", "template": "t"},
    ]
    users = pa.array([f"u{n}" for n in range(many)])
    batch = pa.record_batch({"n": pa.nulls(many, pa.int64())})
    ways = sent(program(steps).run(batch, users, np.ones(many, dtype=np.bool_)))
    assert abs(len(ways["a"]) / many - 0.25) < 0.015  # 4.9 standard deviations, and always the same draw
    half = sent(
        program(steps).run(batch.slice(0, many // 2), users.slice(many // 2), np.ones(many // 2, dtype=np.bool_))
    )
    assert half["a"] == [row - many // 2 for row in ways["a"] if row >= many // 2]
    salted = sent(program([{**split, "salt": "x"}, *steps[1:]]).run(batch, users, np.ones(many, dtype=np.bool_)))
    assert salted["a"] != ways["a"]


def test_a_plan_of_a_workflow_with_waits_ends_at_them_and_has_all_columns() -> None:
    wait = {"id": "pause", "type": "wait_condition", "for": "1 day"}
    mark = {"id": "mark", "type": "update_user_data", "set": {"double": "n * 2"}}
    rest = {"trigger": {"event": "left"}, "events": {"left": {"total": "number"}}}
    first, second = ({"id": name, "type": "send_email", "template": "t"} for name in "ab")
    passage = program([mark, first, wait, second], **rest).run(BATCH, USERS, ALL)
    assert sent(passage) == {"a": [0, 1, 2, 3, 4, 5]}
    assert passage.batch.column("double").to_pylist() == [0, 2, 4, 6, None, 10]
    assert passage.batch.column("event").to_pylist() == [{"total": None}] * 6
