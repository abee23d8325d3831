"""A campaign for chaos: paced, so that there is time to kill, and with an inbox that drops connections around its reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.adapters.inbox import BackgroundInbox, Faults, InboxSettings
from jobs import init

RECIPIENTS = 24_000
LIMITS = "\nlimits: {messages_per_second: 600}\ncapacity: {partition_rows: 8192}\n"
Campaign = Callable[[str], Path]


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """The campaign's folder, with a policy for messages of unknown fate."""

    def make(policy: str) -> Path:
        folder = tmp_path / "campaign"
        init.command(folder)
        rows = [f"c{n},Name{n % 97},n{n}@example.com,true,{n % 4}" for n in range(RECIPIENTS)]
        (folder / "customers.csv").write_text(
            "\n".join(["customer_id,first_name,email,subscribed,orders", *rows, ""]), encoding="utf-8"
        )
        text = (folder / "campaign.yaml").read_text(encoding="utf-8").replace("percent: 10", "percent: 0")
        text = text.replace("  secret: ", f"  on_unknown: {policy}\n  secret: ")
        (folder / "campaign.yaml").write_text(text + LIMITS, encoding="utf-8")
        return folder

    return make


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "received.log"


@pytest.fixture
def inbox(log: Path) -> Iterator[BackgroundInbox]:
    """One connection in a hundred is dropped right before a final dot counts, one in a hundred right after, without a reply."""
    faults = Faults(seed=7, drop_before_dot=0.01, drop_after_dot=0.01)
    with BackgroundInbox(InboxSettings(log=log, faults=faults)) as running:
        yield running
