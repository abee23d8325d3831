"""A run that is killed at any point is finished by `resume`: nobody lost, nobody twice, every doubt listed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.inbox import BackgroundInbox, InboxSettings, read_log
from engine.adapters.stores.run_folder import RunFolder

ROOT = Path(__file__).parents[3]
CUSTOMERS = 6_000
NOW = "2026-03-01T09:00:00+00:00"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "received.log"


@pytest.fixture
def inbox(log: Path) -> Iterator[BackgroundInbox]:
    with BackgroundInbox(InboxSettings(log=log)) as running:
        yield running


@pytest.fixture
def large(campaign: Path) -> Path:
    rows = ["customer_id,first_name,email,subscribed,orders"]
    rows += [
        f"c{n},Name{n % 97},customer{n}@example.com,{'false' if n % 50 == 0 else 'true'},{n % 3}"
        for n in range(CUSTOMERS)
    ]
    (campaign / "customers.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return campaign


class Killed:
    """Runs a verb and kills it with SIGKILL as soon as ``when`` says so; whether it was in time."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = {**environment, "PYTHONPATH": str(ROOT)}
        self._folder = folder

    def __call__(self, when: Callable[[], bool], *arguments: str | Path) -> bool:
        command = [sys.executable, "-m", "jobs.cli", *map(str, arguments)]
        process = subprocess.Popen(
            command, cwd=self._folder, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None:
            if when():
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
        return process.wait() == -signal.SIGKILL


@pytest.fixture
def killed(environment: dict[str, str], tmp_path: Path) -> Killed:
    return Killed(environment, tmp_path)


def check(summary: dict[str, Any], log: Path) -> None:
    outcomes = summary["outcomes"]
    assert sum(outcomes.values()) == summary["plan"]["messages"] > 5_000
    assert outcomes["planned"] == outcomes["intent"] == outcomes["deferred"] == outcomes["rejected"] == 0
    arrived = Counter(line.message_id for line in read_log(log))
    assert set(arrived.values()) == {1}  # the campaign's policy is to skip what is in doubt
    assert outcomes["accepted"] <= len(arrived) <= outcomes["accepted"] + outcomes["unknown"]


@pytest.mark.parametrize(
    "point", ["frozen", "planned", "first message", "a third", "two thirds"], ids=lambda point: point.replace(" ", "-")
)
def test_a_killed_run_is_finished(
    mailray: Callable[..., Any],
    killed: Killed,
    large: Path,
    inbox: BackgroundInbox,
    log: Path,
    tmp_path: Path,
    point: str,
) -> None:
    run = tmp_path / "one"
    points: dict[str, Callable[[], bool]] = {
        "frozen": lambda: (run / "audience").exists(),
        "planned": lambda: (run / "outbox").exists(),
        "first message": lambda: inbox.counts.accepted >= 1,
        "a third": lambda: inbox.counts.accepted >= CUSTOMERS // 3,
        "two thirds": lambda: inbox.counts.accepted >= CUSTOMERS * 2 // 3,
    }
    transport = f"smtp://127.0.0.1:{inbox.port}"
    arguments = ("run", large, "--runner", "inline", "--transport", transport, "--run-dir", run, "--now", NOW)
    assert killed(points[point], *arguments)
    before = inbox.counts.accepted
    finished = mailray("resume", run, "--runner", "inline", "--transport", transport, "--json")
    assert finished.code in (0, 1), finished.err
    check(finished.json, log)
    assert finished.json["outcomes"]["unknown"] <= 8  # a message in doubt for each open connection
    assert inbox.counts.accepted > before


def test_a_resume_may_be_killed_itself(
    mailray: Callable[..., Any], killed: Killed, large: Path, inbox: BackgroundInbox, log: Path, tmp_path: Path
) -> None:
    run = tmp_path / "one"
    transport = f"smtp://127.0.0.1:{inbox.port}"
    arguments = ("run", large, "--runner", "inline", "--transport", transport, "--run-dir", run, "--now", NOW)
    assert killed(lambda: inbox.counts.accepted >= 1_000, *arguments)
    for _ in range(2):
        goal = inbox.counts.accepted + 1_000
        assert killed(
            lambda goal=goal: inbox.counts.accepted >= goal,
            "resume",
            run,
            "--runner",
            "inline",
            "--transport",
            transport,
        )
    finished = mailray("resume", run, "--runner", "inline", "--transport", transport, "--json")
    check(finished.json, log)
    assert finished.json["outcomes"]["unknown"] <= 24


def test_two_commands_do_not_work_on_one_run(
    mailray: Callable[..., Any], killed: Killed, large: Path, tmp_path: Path
) -> None:
    run = tmp_path / "one"
    assert killed(lambda: (run / "outbox").exists(), "run", large, "--runner", "inline", "--run-dir", run, "--now", NOW)
    with RunFolder(run).locked():
        refused = mailray("resume", run, "--runner", "inline")
    assert (refused.code, "MR506" in refused.err, f"process {os.getpid()} on" in refused.err) == (77, True, True)
    assert mailray("status", run, "--json").json["outcomes"].get("accepted", 0) == 0
    assert mailray("resume", run, "--runner", "inline").code == 0


def test_a_changed_campaign_is_not_resumed(
    mailray: Callable[..., Any], killed: Killed, large: Path, tmp_path: Path
) -> None:
    run = tmp_path / "one"
    assert killed(lambda: (run / "outbox").exists(), "run", large, "--runner", "inline", "--run-dir", run, "--now", NOW)
    subject = large / "templates" / "hello.subject.j2"
    before = subject.read_text(encoding="utf-8")
    subject.write_text("Another subject\n", encoding="utf-8")
    refused = mailray("resume", run, "--runner", "inline")
    assert (refused.code, "MR507" in refused.err, "hello" in refused.err) == (77, True, True)
    assert mailray("status", run, "--json").json["outcomes"].get("accepted", 0) == 0
    subject.write_text(before, encoding="utf-8")
    assert mailray("resume", run, "--runner", "inline").code == 0
