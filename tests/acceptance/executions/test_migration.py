"""`mailray workflow`: versions, and executions that move from one to another, or are told why not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
MAP = ("--map", "pause=quiet")


@pytest.fixture
def stands(automate: Callable[[Path], Any], workflow: Callable[..., Path]) -> Any:
    """On the old version `a` and `b` wait at its first step, `c` at `pause`, `asking` for the webhook's answer; `done` is through."""
    automation = automate(workflow("old"))
    automation.enter("c", "asking", "done")
    automation.work(1)
    automation.answer("done", 1)
    automation.work(3)
    automation.answer("c", 3)
    automation.enter("a", "b", day=3)
    return automation


def test_versions_tell_who_is_on_them(command: Command, stands: Any, cart: str, automate: Any, workflow: Any) -> None:
    newer = automate(workflow("new"))
    newer.enter("z")
    found = command("workflow", "versions", cart, "--json").json["versions"]
    assert {row["version"]: (row["alive"], row["ended"], row["steps"]) for row in found} == {
        stands.definition.version: (4, 1, ["rest", "offer", "tell", "pause", "farewell"]),
        newer.definition.version: (1, 0, ["rest", "offer", "tell", "quiet", "farewell"]),
    }
    assert newer.definition.version in command("workflow", "versions", cart).out


def test_a_dry_run_says_who_would_go_where_and_changes_nothing(
    command: Command, stands: Any, cart: str, workflow: Any
) -> None:
    before = command("executions", "list", "--workflow", cart, "--json").out
    dry = command("workflow", "migrate", cart, "--to", workflow("new"), *MAP, "--dry-run", "--json")
    old = stands.definition.version
    assert dry.code == 0
    assert dry.json["ways"] == [
        {"version": old, "from": "pause", "to": "quiet", "executions": 1, "ids": [stands.id_of("c")]},
        {"version": old, "from": "rest", "to": "rest", "executions": 2, "ids": sorted(map(stands.id_of, "ab"))},
    ]
    assert (dry.json["moved"], dry.json["answering"]) == (0, 1)
    assert command("executions", "list", "--workflow", cart, "--json").out == before
    assert [row["version"] for row in command("workflow", "versions", cart, "--json").json["versions"]] == [old]


def test_executions_move_and_go_on_as_the_new_version_says(
    command: Command, stands: Any, cart: str, automate: Any, workflow: Any
) -> None:
    new = workflow("new")
    moved = command("workflow", "migrate", cart, "--to", new, *MAP, "--json")
    version = moved.json["version"]
    assert (moved.code, moved.json["moved"], moved.json["answering"], moved.json["busy"]) == (1, 3, 1, 0)
    rows = command("executions", "list", "--workflow", cart, "--json").json["executions"]
    assert {row["user_id"]: (row["version"] == version, row["state"], row["step"]) for row in rows} == {
        "a": (True, "waiting", "rest"),
        "b": (True, "waiting", "rest"),
        "c": (True, "ready", "quiet"),
        "asking": (False, "waiting", "tell"),
        "done": (False, "done", "farewell"),
    }
    stands.answer("asking", 4)  # and comes to `pause`
    again = command("workflow", "migrate", cart, "--to", new, *MAP)
    assert (again.code, f"1 moved to {version}" in again.out) == (0, True)
    nobody = command("workflow", "migrate", cart, "--to", new)
    assert (nobody.code, nobody.out) == (0, f"nobody is alive on another version than {version}\n")
    automate(new).work(9_999)
    shown = command("executions", "show", stands.id_of("a"), "--json").json
    assert [step["step_id"] for step in shown["steps_executed"]] == ["rest", "offer"]
    assert (shown["standing"]["step"], shown["standing"]["awaits"]) == ("tell", "reply")
    quiet = command("executions", "show", stands.id_of("c"), "--json").json["steps_executed"][-2]
    assert (quiet["step_id"], quiet["duration_ms"]) == ("quiet", 5 * 86_400_000.0)


def test_a_map_may_name_a_step_of_any_older_version(
    command: Command, stands: Any, cart: str, automate: Any, workflow: Any
) -> None:
    automate(workflow("new")).enter("z")
    newest = workflow("newest")
    steps = ("--map", "pause=quiet", "--map", "rest=end")
    ways = command("workflow", "migrate", cart, "--to", newest, *steps, "--dry-run", "--json").json["ways"]
    assert sorted((way["from"], way["to"], way["executions"]) for way in ways) == [
        ("pause", "quiet", 1),
        ("rest", "end", 1),
        ("rest", "end", 2),
    ]
    assert command("workflow", "migrate", cart, "--to", newest, *steps, "--json").json["moved"] == 4
    assert command("executions", "show", stands.id_of("a"), "--json").json["status"] == "done"


def test_steps_without_a_way_are_named(command: Command, stands: Any, cart: str, workflow: Any) -> None:
    refused = command("workflow", "migrate", cart, "--to", workflow("newest"), "--dry-run")
    assert (refused.code, refused.err.count("MR181")) == (78, 2)
    assert "no step `rest`, and the map does not name it" in refused.err
    assert "no step `pause`, and the map does not name it" in refused.err
    assert "`pause=STEP`, or `pause=end`" in refused.err
    strange = command(
        "workflow", "migrate", cart, "--to", workflow("new"), "--map", "puase=quiet", "--map", "pause=qiet"
    )
    assert (strange.code, "did you mean `pause`?" in strange.err, "did you mean `quiet`?" in strange.err) == (
        78,
        True,
        True,
    )


@pytest.mark.parametrize("given", [("--map", "pause"), ("--map", "=quiet"), ("--map", "pause=a", "--map", "pause=b")])
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_map_that_says_nothing(command: Command, given: tuple[str, ...]) -> None:
    refused = command("workflow", "migrate", "cart", "--to", ".", *given)
    assert (refused.code, refused.err.count("MR185")) == (2, 1)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_what_cannot_be_moved_to(command: Command, stands: Any, cart: str, workflow: Any, tmp_path: Path) -> None:
    other = command("workflow", "migrate", cart, "--to", workflow("new", "another"))
    assert (other.code, "`another`" in other.err) == (2, True)
    assert command("workflow", "migrate", cart, "--to", tmp_path / "nowhere").code == 66
    assert command("workflow", "migrate", "unknown", "--to", workflow("new")).code == 2


@pytest.mark.parametrize(
    ("definition", "says"), [(None, "is not kept"), ("{}", "cannot be read"), ("{", "cannot be read")]
)
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_version_that_cannot_be_read(
    command: Command, stands: Any, cart: str, workflow: Any, definition: str | None, says: str
) -> None:
    stands.definition = type(stands.definition)("lost", "")
    stands.enter("x", day=3)
    if definition is not None:
        stands.store.define(cart, "lost", definition)
    refused = command("workflow", "migrate", cart, "--to", workflow("new"), *MAP)
    assert (refused.code, "MR184" in refused.err, says in refused.err) == (65, True, True)


KILLED = """
import os, sys
from engine.adapters.stores.executions_sqlite import SqliteExecutions
from engine.pipeline import executions, migration

executions.BATCH, migration.LEASE = 2, 1
save, saved = SqliteExecutions.save, []

def save_twice(*given):
    if len(saved) == 2:
        os._exit(9)
    saved.append(save(*given))
    return saved[-1]

SqliteExecutions.save = save_twice
from jobs.cli import run_guarded
run_guarded(sys.argv[1:], debug=True)
"""


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_killed_on_the_way_it_is_run_again(
    command: Command, stands: Any, cart: str, workflow: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    stands.enter(*(f"more{n}" for n in range(6)), day=3)
    arguments = ["workflow", "migrate", cart, "--to", str(workflow("new")), *MAP, "--json"]
    root = str(Path(__file__).parents[3])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], cwd=tmp_path, env={**environment, "PYTHONPATH": root}, check=False
    )
    assert killed.returncode == 9
    done = command(*arguments)
    assert (done.code, done.json["answering"], done.json["busy"]) == (1, 1, 0)
    assert 9 - 4 <= done.json["moved"] < 9
    names = [stands.id_of(user) for user in ("a", "b", "c", *(f"more{n}" for n in range(6)))]
    told = [row for row in stands.store.history(names).to_pylist() if row["outcome"] == "migrated"]
    assert sorted(row["execution_id"] for row in told) == sorted(names)  # each once
