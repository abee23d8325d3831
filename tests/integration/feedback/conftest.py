"""A run of the scaffold's campaign in this process, and all that takes feedback over its folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.assembly.feedback import Feedback, open_feedback
from engine.assembly.settings import AppSettings
from jobs.cli import run_guarded


@dataclass(frozen=True)
class Campaign:
    """A campaign that was run: the settings of whoever takes its feedback, and the messages that it wrote, by recipient."""

    settings: AppSettings
    messages: dict[str, bytes]


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feedback")
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert run_guarded(["init", "welcome"], debug=True) == 0
        arguments = [
            "run",
            "welcome",
            "--runner",
            "inline",
            "--transport",
            f"file://{folder}/out",
            "--run-dir",
            "runs/first",
            "--json",
        ]
        assert run_guarded(arguments, debug=True) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def campaign(ran: Path, tmp_path: Path) -> Campaign:
    """A copy of its own for each test, so that nothing is left in the stores."""
    shutil.copytree(ran / "runs", tmp_path / "runs")
    messages = {}
    for path in (ran / "out").rglob("*.eml"):
        raw = path.read_bytes()
        recipient = next(line for line in raw.split(b"\r\n") if line.startswith(b"To: ")).removeprefix(b"To: ")
        messages[recipient.decode()] = raw
    return Campaign(AppSettings.load(runs=tmp_path / "runs"), messages)


@pytest.fixture
def feedback(campaign: Campaign) -> Iterator[Feedback]:
    with open_feedback(campaign.settings) as opened:
        yield opened
