"""Runs at work in a process of their own, with an inbox that notes what arrived when."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.adapters.inbox import BackgroundInbox, InboxSettings

ROOT = Path(__file__).parents[3]
CUSTOMERS = 10_000


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "received.log"


@pytest.fixture
def inbox(log: Path) -> Iterator[BackgroundInbox]:
    with BackgroundInbox(InboxSettings(log=log)) as running:
        yield running


@pytest.fixture
def large(campaign: Path) -> Path:
    """A campaign of two partitions that takes some seconds to send."""
    rows = [f"c{n},Name{n % 97},customer{n}@example.com,true,{n % 3}" for n in range(CUSTOMERS)]
    header = "customer_id,first_name,email,subscribed,orders"
    (campaign / "customers.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    text = (campaign / "campaign.yaml").read_text(encoding="utf-8")
    paced = "limits: {messages_per_second: 1500}\ncapacity: {partition_rows: 8192}\n"
    (campaign / "campaign.yaml").write_text(text + "\n" + paced, encoding="utf-8")
    return campaign


@dataclass
class Sending:
    """A run that another process sends."""

    process: subprocess.Popen[bytes]
    folder: Path

    def exit_code(self) -> int:
        return self.process.wait(60)


@pytest.fixture
def sending(
    request: pytest.FixtureRequest, environment: dict[str, str], large: Path, inbox: BackgroundInbox, tmp_path: Path
) -> Iterator[Sending]:
    """A run that has sent a part of its messages and is at work, in one process unless the test asks for Ray."""
    run = tmp_path / "one"
    transport = f"smtp://127.0.0.1:{inbox.port}"
    options = ("--runner", getattr(request, "param", "inline"), "--transport", transport, "--run-dir", run)
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "run", str(large), *map(str, options)],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"},  # Ray itself has some
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while inbox.counts.accepted < 500:
        assert process.poll() is None
        time.sleep(0.01)
    yield Sending(process, run)
    process.kill()
    process.wait()
