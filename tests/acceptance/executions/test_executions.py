"""`mailray executions` on a store that the engine has filled: listed, shown, retried, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine.workflow import executions

Command = Callable[..., Any]
MEASURED = [
    "database_query_time_ms",
    "template_render_time_ms",
    "email_send_time_ms",
    "total_memory_mb",
    "cpu_usage_percent",
]


@pytest.fixture
def filled(automate: Callable[[Path], Any], workflow: Callable[..., Path]) -> Any:
    """`done` is through, the webhook of `failed` failed, `paused` waits after it, `asking` for its answer, `late` at the first step."""
    automation = automate(workflow("old"))
    automation.enter("done", "failed", "paused", "asking")
    automation.work(1)
    automation.answer("done", 1)
    automation.answer("failed", 1, error="answered 404")
    automation.work(3)
    automation.answer("paused", 3)
    automation.enter("late", day=3)
    return automation


def test_executions_are_listed_by_workflow_person_and_state(command: Command, filled: Any, cart: str) -> None:
    found = command("executions", "list", "--workflow", cart, "--json")
    rows = found.json["executions"]
    assert (found.code, found.json["total"]) == (0, 5)
    assert [row["execution_id"] for row in rows] == sorted(
        filled.id_of(user) for user in ("done", "failed", "paused", "asking", "late")
    )
    assert {row["user_id"]: (row["state"], row["step"]) for row in rows} == {
        "done": ("done", "farewell"),
        "failed": ("failed", "tell"),
        "paused": ("waiting", "pause"),
        "asking": ("waiting", "tell"),
        "late": ("waiting", "rest"),
    }
    (late,) = [row for row in rows if row["user_id"] == "late"]
    assert (late["entered_at"], late["due"]) == ("2026-03-04T00:00:00+00:00", "2026-03-05T00:00:00+00:00")
    chosen = command("executions", "list", "--workflow", cart, "--state", "done", "--state", "failed", "--json").json
    assert sorted(row["user_id"] for row in chosen["executions"]) == ["done", "failed"]
    (his,) = command("executions", "list", "--user", "late", "--workflow", cart, "--json").json["executions"]
    assert his == late
    nobody = command("executions", "list", "--user", "late", "--workflow", cart, "--state", "failed")
    assert (nobody.code, nobody.out) == (0, "no executions\n")


def test_a_narrow_terminal_cuts_nothing_of_a_row(
    command: Command, filled: Any, cart: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    (row,) = [line for line in command("executions", "list", "--workflow", cart).out.splitlines() if " late " in line]
    assert row.split() == [
        filled.id_of("late"),
        cart,
        "late",
        "waiting",
        "rest",
        "2026-03-04",
        "00:00",
        "2026-03-05",
        "00:00",
    ]


def test_a_limit_says_how_many_more_there_are(command: Command, filled: Any, cart: str) -> None:
    assert "... and 3 more" in command("executions", "list", "--workflow", cart, "--limit", "2").out
    assert len(command("executions", "list", "--workflow", cart, "--limit", "2", "--json").json["executions"]) == 2


def test_an_execution_is_shown_with_its_steps_its_fault_and_its_figures(
    command: Command, filled: Any, cart: str
) -> None:
    shown = command("executions", "show", filled.id_of("failed"), "--json")
    found = shown.json
    assert shown.code == 0
    assert (found["workflow_id"], found["user_id"], found["trigger_event"]) == (cart, "failed", "event:cart_left")
    assert (found["status"], found["success"], found["retry_count"]) == ("failed", False, 0)
    assert (found["start_time"], found["end_time"]) == ("2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00")
    assert [(step["step_id"], step["success"], step["duration_ms"]) for step in found["steps_executed"]] == [
        ("rest", True, 86_400_000.0),
        ("offer", True, 0.0),
        ("tell", False, 0.0),
    ]
    assert found["steps_executed"][1]["output"] == "hello"
    assert found["error_details"] == {"step_id": "tell", "error_message": "answered 404", "attempts": 1}
    assert (found["standing"]["step"], found["standing"]["version"]) == ("tell", filled.definition.version)
    figures = found["performance"]
    assert len(figures) == 11
    assert (figures["workflow_id"], figures["error_count"], figures["success_rate"]) == (cart, 1, 2 / 3)
    assert [figures[name] for name in MEASURED] == [None] * 5
    cost = dict(zip(MEASURED, (2.0, 3.0, 5.0, 90.0, 40.0), strict=True)) | {"execution_id": filled.id_of("failed")}
    for _ in range(2):
        filled.store.measure(pa.RecordBatch.from_pylist([cost], schema=executions.MEASURED))
    shown_again = command("executions", "show", filled.id_of("failed"), "--json").json["performance"]
    assert [shown_again[name] for name in MEASURED] == [4.0, 6.0, 10.0, 90.0, 40.0]
    assert shown_again["execution_time_ms"] == figures["execution_time_ms"] + 20.0


def test_an_execution_is_shown_to_people(command: Command, filled: Any) -> None:
    shown = command("executions", "show", filled.id_of("paused")).out
    assert "waiting" in shown and "2026-03-06 00:00:00 UTC" in shown and "1 day, 0:00:00" in shown
    assert "success_rate" in shown and "not known" in shown


def test_what_failed_tries_again_and_nothing_else(command: Command, filled: Any) -> None:
    failed, done = filled.id_of("failed"), filled.id_of("done")
    dry = command("executions", "retry", failed, done, "--dry-run", "--json").json
    assert (dry["asked"], dry["concerned"], dry["done"], dry["by_step"]) == (2, 1, 0, {"tell": 1})
    assert command("executions", "show", failed, "--json").json["status"] == "failed"
    assert command("executions", "retry", failed, done).out == "1 retried, 1 have not failed\n"
    assert command("executions", "show", failed, "--json").json["status"] == "ready"
    assert command("executions", "retry", failed).out == "0 retried, 1 have not failed\n"


def test_all_of_a_workflow_that_failed_try_again(command: Command, filled: Any, cart: str) -> None:
    dry = command("executions", "retry", "--workflow", cart, "--failed", "--dry-run")
    assert (dry.code, dry.out.split()) == (0, ["would", "be", "retried,", "by", "step", "tell", "1", "total", "1"])
    assert command("executions", "retry", "--workflow", cart, "--failed").out == "1 retried\n"
    assert command("executions", "retry", "--workflow", cart, "--failed").out == "0 retried\n"


def test_executions_are_cancelled_where_they_stand(command: Command, filled: Any, cart: str) -> None:
    late, done = filled.id_of("late"), filled.id_of("done")
    assert command("executions", "cancel", late, late, done).out == "1 cancelled, 1 have ended already\n"
    shown = command("executions", "show", late, "--json").json
    assert (shown["status"], shown["standing"]["step"], shown["standing"]["due"]) == ("cancelled", "rest", None)
    dry = command("executions", "cancel", "--workflow", cart, "--dry-run", "--json").json
    assert (dry["concerned"], dry["done"], dry["by_step"]) == (2, 0, {"pause": 1, "tell": 1})
    assert command("executions", "cancel", "--workflow", cart).out == "2 cancelled\n"
    states = command("executions", "list", "--workflow", cart, "--json").json["executions"]
    assert sorted(row["state"] for row in states) == ["cancelled", "cancelled", "cancelled", "done", "failed"]


def test_what_is_not_known_is_told_with_what_may_be_meant(command: Command, filled: Any, cart: str) -> None:
    known = filled.id_of("failed")
    cut = command("executions", "show", known[:20])
    assert (cut.code, "MR182" in cut.err, f"did you mean `{known}`?" in cut.err) == (2, True, True)
    other = command("executions", "retry", known, "nothing", "else")
    assert (other.code, other.err.count("MR182")) == (2, 2)
    assert "`mailray executions list` names them" in other.err
    assert command("executions", "show", known, "--json").json["status"] == "failed"  # all or none
    for arguments in (
        ("executions", "list", "--workflow"),
        ("executions", "cancel", "--workflow"),
        ("workflow", "versions"),
    ):
        strange = command(*arguments, cart[:-1])
        assert (strange.code, "MR183" in strange.err, f"did you mean `{cart}`?" in strange.err) == (2, True, True)


@pytest.mark.parametrize("arguments", [
    ("retry",),
    ("cancel",),
    ("retry", "x", "--workflow", "cart", "--failed"),
    ("cancel", "x", "--workflow", "cart"),
    ("retry", "--workflow", "cart"),
    ("retry", "x", "--failed"),
    ("list", "--state", "wating"),
])  # fmt: skip
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_options_that_do_not_go_together(command: Command, arguments: tuple[str, ...]) -> None:
    refused = command("executions", *arguments)
    assert (refused.code, refused.err.count("MR185")) == (2, 1)
    assert ("did you mean `waiting`?" in refused.err) == ("--state" in arguments)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_nobody_has_been_anywhere_yet(command: Command) -> None:
    assert command("executions", "list").out == "no executions\n"
    assert command("executions", "list", "--json").json == {"executions": [], "total": 0}
    assert "nothing is known here" in command("executions", "list", "--workflow", "cart").err


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_as_a_command_of_its_own(mailray: Command, filled: Any, cart: str) -> None:
    listed = mailray("executions", "list", "--json")
    assert (listed.code, listed.json["total"], listed.err) == (0, 5, "")
    unknown = mailray("executions", "cancel", "\udcff")
    assert (unknown.code, "MR182" in unknown.err) == (2, True)
    assert mailray("executions", "list", "--user", "\udcff").out == "no executions\n"
