"""A cart workflow with waits and a webhook, executions that the engine has taken through it, and the command line on their store."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine.assembly.campaign import open_campaign
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_executions
from engine.campaign.load import load_campaign
from engine.personalization.assignment import uniform
from engine.workflow import WorkflowProgram
from engine.workflow.definition import definition_of
from engine.workflow.executions import AFTER_EXIT, ENTRIES, ExecutionStore, execution_id
from engine.workflow.news import ARRIVALS, REPLIES
from jobs.cli import run_guarded

SECOND = 1_000_000
DAY = 86_400 * SECOND
START = 1_772_323_200 * SECOND  # 2026-03-01T00:00:00Z
WORKFLOW = """
events:
  cart_left: {}
trigger:
  event: cart_left
workflow:
  - {id: rest, type: wait_condition, for: 1 day}
  - {id: offer, type: send_email, template: hello}
  - {id: tell, type: trigger_webhook, url: "https://example.com/told", critical: true, retry: {attempts: 1}}
  - {id: pause, type: wait_condition, for: 2 days}
  - {id: farewell, type: send_email, template: thanks}
"""
WORKFLOWS = {
    "old": WORKFLOW,
    "new": WORKFLOW.replace(
        "id: pause, type: wait_condition, for: 2 days", "id: quiet, type: wait_condition, for: 5 days"
    ),
    "newest": WORKFLOW.replace("id: rest, ", "id: nap, ").replace("id: pause, ", "id: quiet, "),
}


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def batch(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array([row.get(each.name) for row in rows], each.type) for each in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class Automation:
    """Takes people through the workflow in a campaign's folder, in the store that the commands use."""

    def __init__(self, store: ExecutionStore, folder: Path) -> None:
        opened = open_campaign(folder, datetime.now(UTC))
        self.store, self.campaign = store, opened.campaign
        self.definition = definition_of(self.campaign)
        self._audience = opened.definition.audience
        self._program = WorkflowProgram(self.campaign, self._audience, uniform, fields=opened.definition.fields)
        store.define(self.campaign.name, self.definition.version, self.definition.text)

    def id_of(self, user: str) -> str:
        return execution_id(self.campaign.name, user, "e1")

    def enter(self, *users: str, day: float = 0) -> None:
        same = {"workflow": self.campaign.name, "version": self.definition.version, "trigger": "event:cart_left"}
        same |= {"step": self.campaign.workflow[0].id, "at": START + round(day * DAY)}  # type: ignore[dict-item]
        rows = [{**same, "execution_id": self.id_of(user), "user_id": user} for user in users]
        assert self.store.enter(batch(rows, ENTRIES), AFTER_EXIT).num_rows == len(users)
        self.work(day)

    def work(self, day: float) -> None:
        """Let everybody who is due go on."""
        now = START + round(day * DAY)
        self._advance(self.store.due([self.campaign.name], now, 1_000, now + SECOND), now, [])

    def answer(self, user: str, day: float, *, error: str | None = None) -> None:
        """The webhook answers, or does not."""
        now = START + round(day * DAY)
        reply = {"execution_id": self.id_of(user), "step": "tell", "occurrence": 0, "attempt": 1, "at": now}
        reply |= {"good": error is None, "again": False, "error": error, "body": "{}"}
        self._advance(self.store.concerned(self.campaign.name, [user], now, now + SECOND).executions, now, [reply])

    def _advance(self, claimed: pa.RecordBatch, now: int, replies: list[dict[str, Any]]) -> None:
        users = claimed.column("user_id")
        columns = [
            users if each.name == self.campaign.audience.key else pa.nulls(len(users), each.type)
            for each in self._audience
        ]
        people = pa.RecordBatch.from_arrays(columns, schema=self._audience)
        done = self._program.advance(claimed, people, now, batch([], ARRIVALS), batch(replies, REPLIES))
        assert self.store.save(done.executions, done.history, done.effects) == claimed.num_rows


@pytest.fixture
def cart() -> str:
    """The workflow's name, which no other test uses in the database that they share."""
    return f"cart_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def workflow(tmp_path: Path, cart: str) -> Callable[..., Path]:
    """Makes a campaign's folder around a workflow, by the names of the texts in WORKFLOWS."""

    def make(version: str, campaign: str = cart) -> Path:
        folder = tmp_path / f"{campaign}-{version}"
        shutil.copytree(Path(__file__).parents[3] / "jobs" / "scaffold", folder)
        (folder / "secret.key").write_text("0123456789abcdef" * 4)
        text = (folder / "campaign.yaml").read_text()
        before, _, rest = text.partition("segments:")
        variables = rest[rest.index("variables:") :]
        text = before.replace("name: welcome", f"name: {campaign}") + variables + WORKFLOWS[version]
        (folder / "campaign.yaml").write_text(text)
        load_campaign(folder)
        return folder

    return make


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the commands and the automation find the store: a file of the test's own, or a database of the server that tests share."""
    monkeypatch.chdir(tmp_path)
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        monkeypatch.setenv("MAILRAY_STORE", server.url)
        monkeypatch.setenv("MAILRAY_STORE_PASSWORD", "env:STORE_PASSWORD")
        monkeypatch.setenv("STORE_PASSWORD", server.password)
    return str(request.param)


@pytest.fixture
def automate(tmp_path: Path, place: str) -> Iterator[Callable[[Path], Automation]]:
    stores: list[ExecutionStore] = []

    def run(folder: Path) -> Automation:
        stores.append(open_executions(AppSettings.load(runs=tmp_path / "runs").stores_at))
        return Automation(stores[-1], folder)

    yield run
    for each in stores:
        each.close()


@pytest.fixture
def command(place: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """The command line in this process."""

    def run(*arguments: str | Path) -> Finished:
        code = run_guarded([*map(str, arguments)], debug=False)
        told = capsys.readouterr()
        return Finished(code, told.out, told.err)

    return run
