from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

import engine.workflow.steps
from engine.campaign.steps import Branch, Choice, ConditionalBranch, SegmentUser, SendEmail
from engine.workflow import WorkflowProgram
from engine.workflow.steps import STEPS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = pa.schema([("n", pa.int64()), ("level", pa.string())])
BATCH = pa.record_batch({"n": pa.array([0, 1, 2, 3, None, 5])})
ALL = np.ones(6, dtype=np.bool_)
STEP_LIST = [
    SegmentUser(
        type="segment_user",
        id="tag",
        into="level",
        choices=[Choice(when="n >= 3", value="high"), Choice(when="n >= 1", value="low")],
    ),
    ConditionalBranch(
        type="conditional_branch",
        id="fork",
        branches=[Branch(when="level = 'high'", next="offer"), Branch(when="n = 1", next="end")],
        **{"else": "news"},
    ),
    SendEmail(type="send_email", id="offer", template="offer"),
    SendEmail(type="send_email", id="news", template="news"),
]


def program() -> WorkflowProgram:
    return WorkflowProgram(STEP_LIST, COLUMNS, NOW, "UTC")


def test_every_step_file_is_in_the_tuple() -> None:
    folder = Path(engine.workflow.steps.__file__).parent
    kinds = {path.stem for path in folder.glob("*.py")} - {"__init__", "scope"}
    assert kinds == {model.model_fields["type"].annotation.__args__[0] for model in STEPS}


def test_a_choice_writes_the_first_value_that_holds_and_a_null_chooses_none() -> None:
    assert program().run(BATCH, ALL).batch.column("level").to_pylist() == [None, "low", "low", "high", None, "high"]


def test_each_row_takes_one_way() -> None:
    passage = program().run(BATCH, ALL)
    sent = {send.step: send.rows.tolist() for send in passage.sends}
    assert sent["offer"] == [False, False, False, True, False, True]
    # An offer is followed by the news, as the next step in the list.
    assert sent["news"] == [True, False, True, True, True, True]
    assert passage.taken == {
        "tag": {"fork": 6},
        "fork": {"offer": 2, "end": 1, "news": 3},
        "offer": {"news": 2},
        "news": {"end": 5},
    }


def test_rows_that_do_not_enter_leave_no_trace() -> None:
    entering = np.array([False, True, False, True, False, False])
    passage = program().run(BATCH, entering)
    assert passage.batch.column("level").to_pylist() == [None, "low", None, "high", None, None]
    assert sum(int(send.rows.sum()) for send in passage.sends) == 2
    assert passage.taken["fork"] == {"offer": 1, "end": 1, "news": 0}


def test_a_batch_is_treated_like_each_of_its_rows() -> None:
    whole = program().run(BATCH, ALL)
    for row in range(BATCH.num_rows):
        alone = program().run(BATCH.slice(row, 1), ALL[:1])
        assert alone.batch.to_pylist() == whole.batch.slice(row, 1).to_pylist()
        assert [send.rows[0] for send in alone.sends] == [send.rows[row] for send in whole.sends]


def test_two_branches_may_lead_to_the_same_step() -> None:
    steps = [
        ConditionalBranch(
            type="conditional_branch",
            id="fork",
            branches=[Branch(when="n = 1", next="go"), Branch(when="n = 2", next="go")],
            **{"else": "end"},
        ),
        SendEmail(type="send_email", id="go", template="t"),
    ]
    passage = WorkflowProgram(steps, COLUMNS, NOW, "UTC").run(BATCH, ALL)
    assert passage.taken["fork"] == {"go": 2, "end": 4}
