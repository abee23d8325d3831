"""A run is paused, cancelled and gone on with while another process sends it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.inbox import BackgroundInbox, Faults, InboxSettings, read_log

ROOT = Path(__file__).parents[3]
Mailray = Callable[..., Any]
SLACK = 2.0  # seconds after an order in which a message may still begin


def arrived(log: Path) -> Counter[str]:
    return Counter(line.message_id for line in read_log(log))


@pytest.mark.parametrize("sending", ["inline", "ray"], indirect=True)
def test_a_pause_stops_a_run_within_two_seconds_and_resume_goes_on(
    mailray: Mailray, sending: Any, inbox: BackgroundInbox, log: Path
) -> None:
    paused = mailray("pause", sending.folder, "--json")
    given = datetime.fromisoformat(json.loads((sending.folder / "control.json").read_text())["at"]).timestamp()
    assert paused.code == 0, paused.err
    assert paused.json["phase"] == "paused while delivering"
    assert sending.exit_code() == 75
    before = inbox.counts.accepted
    assert before < sum(paused.json["outcomes"].values())
    assert (paused.json["outcomes"]["accepted"], paused.json["outcomes"]["unknown"]) == (before, 0)
    assert max(line.at for line in read_log(log)) < given + SLACK

    transport = f"smtp://127.0.0.1:{inbox.port}"
    resumed = mailray("resume", sending.folder, "--runner", "inline", "--transport", transport, "--json")
    assert (resumed.code, resumed.json["ended"]) == (0, "finished")
    assert resumed.json["outcomes"]["accepted"] == resumed.json["plan"]["messages"] == len(arrived(log))
    assert set(arrived(log).values()) == {1}


def test_a_cancel_skips_what_was_not_sent(mailray: Mailray, sending: Any, inbox: BackgroundInbox, log: Path) -> None:
    cancelled = mailray("cancel", sending.folder, "--json")
    assert cancelled.code == 0, cancelled.err
    assert sending.exit_code() == 1
    outcomes, messages = cancelled.json["outcomes"], cancelled.json["plan"]["messages"]
    assert cancelled.json["phase"] == "cancelled"
    assert sum(outcomes.values()) == messages
    assert (outcomes["accepted"], outcomes["skipped"]) == (inbox.counts.accepted, messages - inbox.counts.accepted)
    assert outcomes["skipped"] > 0
    refused = mailray("resume", sending.folder)
    assert (refused.code, "MR509" in refused.err) == (77, True)
    assert mailray("cancel", sending.folder, "--json").json["outcomes"] == outcomes
    assert len(arrived(log)) == outcomes["accepted"]


def test_a_paused_run_can_be_cancelled(mailray: Mailray, sending: Any, inbox: BackgroundInbox) -> None:
    assert mailray("pause", sending.folder).code == 0
    cancelled = mailray("cancel", sending.folder)
    assert (cancelled.code, "cancelled" in cancelled.out) == (0, True)
    outcomes = mailray("status", sending.folder, "--json").json["outcomes"]
    assert (outcomes["planned"], outcomes["accepted"]) == (0, inbox.counts.accepted)


def test_a_run_that_nobody_works_on_is_not_paused(mailray: Mailray, campaign: Path, tmp_path: Path) -> None:
    assert mailray("run", campaign, "--runner", "inline", "--run-dir", "one").code == 0
    paused = mailray("pause", "one", "--json")
    assert (paused.code, paused.json["phase"]) == (0, "finished")
    assert not (tmp_path / "one" / "control.json").exists()


@pytest.mark.parametrize("verb", ["pause", "cancel", "unknown", "resolve"])
def test_what_is_no_run_is_not_touched(mailray: Mailray, tmp_path: Path, verb: str) -> None:
    more = ("--all", "--skip") if verb == "resolve" else ()
    refused = mailray(verb, tmp_path, *more)
    assert (refused.code, "MR503" in refused.err) == (66, True)
    assert not any(tmp_path.iterdir())


@pytest.fixture
def greylisted(environment: dict[str, str], campaign: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has been deferred by the server, and waits."""
    with BackgroundInbox(InboxSettings(faults=Faults(temporary=1.0))) as inbox:
        transport = f"smtp://127.0.0.1:{inbox.port}"
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jobs.cli",
                "run",
                campaign,
                "--runner",
                "inline",
                "--run-dir",
                "one",
                "--transport",
                transport,
            ],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        told = iter(process.stderr.readline, "")
        assert any(re.search(r"delivering: \d+ deferred, next at .*\d\d:\d\d", line) for line in told)
        yield process
        process.kill()
        process.communicate()


def test_a_run_waits_for_deferred_messages_until_it_is_paused(
    mailray: Mailray, greylisted: subprocess.Popen[str]
) -> None:
    assert mailray("status", "one", "--json").json["phase"] == "waiting"
    paused = mailray("pause", "one", "--json")
    assert (paused.json["phase"], greylisted.wait(60)) == ("paused while waiting", 75)
    assert paused.json["outcomes"]["deferred"] == sum(paused.json["outcomes"].values()) > 0


def test_a_run_that_waits_can_be_interrupted_and_says_how_to_go_on(greylisted: subprocess.Popen[str]) -> None:
    greylisted.send_signal(signal.SIGINT)
    _, told = greylisted.communicate(timeout=60)
    assert (greylisted.returncode, "mailray resume" in told) == (130, True)


def test_a_run_need_not_wait(mailray: Mailray, campaign: Path) -> None:
    with BackgroundInbox(InboxSettings(faults=Faults(temporary=1.0))) as inbox:
        transport = f"smtp://127.0.0.1:{inbox.port}"
        done = mailray("run", campaign, "--runner", "inline", "--transport", transport, "--run-dir", "one", "--no-wait")
    assert (done.code, "mailray resume" in done.out) == (1, True)
    outcomes = mailray("status", "one", "--json").json["outcomes"]
    assert outcomes["deferred"] == sum(outcomes.values()) > 0
