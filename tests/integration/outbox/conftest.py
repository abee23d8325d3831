"""A live workflow with people, an inbox that it mails to, and effects as its executions emit them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from engine.adapters.inbox import BackgroundInbox, InboxSettings, read_log, recipient_hash
from engine.adapters.stores.suppression_file import SuppressionFile
from engine.assembly.campaign import open_campaign
from engine.assembly.live_run import LiveRun, open_live_run, open_outbox
from engine.assembly.run_workers import RunWorkers
from engine.assembly.settings import AppSettings
from engine.assembly.wall_clock import wall
from engine.pipeline.automation.contract import LEASE, Deliver, Delivered, LiveWorkflow, PlanSends
from engine.pipeline.automation.outbox import OpenWork, Outbox
from engine.pipeline.automation.sends import SendPlanner
from engine.workflow.executions import AFTER_EXIT, EFFECTS, ENTRIES, HISTORY
from engine.workflow.memory import MemoryExecutions

CAMPAIGN = """
name: cart
type: abandoned_cart
class: transactional
events: {cart_abandoned: {total: number}}
trigger: {event: cart_abandoned}
audience: {source: "store:", key: user_id}
workflow:
  - {id: remind, type: send_email, template: remind}
delivery:
  from: {name: Shop, address: shop@example.com}
  secret: file:secret
"""
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class KnownPeople:
    """All but `nobody`, and `away` who has no address."""

    def __init__(self, live: LiveWorkflow) -> None:
        self._schema = live.plan.audience

    def rows(self, workflow: str, user_ids: pa.StringArray) -> tuple[pa.RecordBatch, np.ndarray]:
        users = user_ids.to_pylist()
        values = {
            "user_id": users,
            "email": [
                None if each in ("away", "nobody") else each if "@" in each else f"{each}@example.com" for each in users
            ],
        }
        columns = [pa.array(values.get(field.name, [None] * len(users)), field.type) for field in self._schema]
        known = np.array([each != "nobody" for each in users], dtype=np.bool_)
        return pa.RecordBatch.from_arrays(columns, schema=self._schema), known

    def changed(self, user_ids: Sequence[str]) -> None:
        """Nothing is remembered."""


def effects_of(users: Sequence[str], first: int = 0, template: str = "remind", at: int | None = None) -> pa.RecordBatch:
    """An effect of kind SEND for each, of executions numbered from ``first`` on."""
    instant = datetime.now(UTC) if at is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    rows = [
        {
            "name": f"e{first + number:05d}/remind/0",
            "kind": "send",
            "execution_id": f"e{first + number:05d}",
            "workflow": "cart",
            "user_id": user,
            "step": "remind",
            "occurrence": f"e{first + number:05d}:0",
            "at": instant,
            "payload": f'{{"template":"{template}","first_name":"N{number}","event":{{"total":{number}.5}}}}',
        }
        for number, user in enumerate(users)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=EFFECTS)


class Driver:
    """What the driver of an automation does with effects, one thing after the other."""

    def __init__(self, settings: AppSettings, folder: Path) -> None:
        self.settings = settings
        self.run: LiveRun = open_live_run(open_campaign(folder, NOW), settings)
        self.outbox: Outbox = open_outbox([self.run], settings, wall)
        listed = SuppressionFile.of(self.run.folder.path)
        known = {} if listed is None else {"cart": listed}
        self.planner = SendPlanner({"cart": self.run.live}, KnownPeople(self.run.live), wall, known)
        self.workers = RunWorkers(settings, most=1)
        self._numbers = count()

    @property
    def path(self) -> Path:
        return self.run.folder.path

    def commit(self, effects: pa.RecordBatch) -> OpenWork | None:
        work = self.outbox.commit(self.planner.plan(PlanSends(next(self._numbers), "cart", effects)))
        return None if work is None else OpenWork("cart", self.path, work)

    def deliver(self, open: OpenWork) -> Delivered:
        done = self.workers.deliver(Deliver(next(self._numbers), open.run, open.work))
        self.outbox.delivered(done)
        return done

    def die(self) -> None:
        """All that was not on the disk is gone."""
        self.outbox.close()
        self.run.folder.claim()
        self.outbox = open_outbox([self.run], self.settings, wall)

    def close(self) -> None:
        self.workers.close()
        self.outbox.close()


def waiting(effects: pa.RecordBatch) -> MemoryExecutions:
    """A store in which these effects wait to be leased."""
    store = MemoryExecutions()
    rows = effects.to_pylist()
    entries = [
        {
            **{name: row[name] for name in ("execution_id", "workflow", "user_id", "step", "at")},
            "version": "v",
            "trigger": "t",
        }
        for row in rows
    ]
    store.enter(pa.RecordBatch.from_pylist(entries, schema=ENTRIES), AFTER_EXIT)
    claimed = store.due(["cart"], wall(), len(rows), wall() + LEASE)
    store.save(claimed, pa.RecordBatch.from_pylist([], schema=HISTORY), effects)
    return store


def leased(store: MemoryExecutions, most: int) -> pa.RecordBatch:
    """What waits, whoever has leased it before: as if that were long ago."""
    return store.effects(["send"], ["cart"], wall(), most, 0)


@dataclass(frozen=True)
class Shop:
    """The campaign's folder, the settings of its automation, and the log of what it has sent."""

    folder: Path
    settings: AppSettings
    log: Path

    def change(self, text: str, other: str) -> None:
        path = self.folder / "campaign.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(text, other), encoding="utf-8")

    def received(self, *addresses: str) -> list[int]:
        """How many mails have come to each."""
        counts = Counter(each.recipient_hash for each in read_log(self.log))
        return [counts[recipient_hash(each)] for each in addresses]


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of an inbox, and its log."""
    log = tmp_path_factory.mktemp("inbox") / "received.log"
    log.touch()
    with BackgroundInbox(InboxSettings(log=log)) as running:
        yield running.port, log


@pytest.fixture
def shop(tmp_path: Path, mailbox: tuple[int, Path]) -> Shop:
    folder = tmp_path / "cart"
    (folder / "templates").mkdir(parents=True)
    (folder / "campaign.yaml").write_text(CAMPAIGN, encoding="utf-8")
    (folder / "secret").write_text("0123456789abcdef0123456789abcdef", encoding="utf-8")
    (folder / "templates" / "remind.subject.j2").write_text("{{ first_name }}, your cart", encoding="utf-8")
    (folder / "templates" / "remind.html.j2").write_text("<p>{{ event.total }} are waiting.</p>", encoding="utf-8")
    settings = AppSettings(runs=tmp_path / "runs", transport=f"smtp://127.0.0.1:{mailbox[0]}", runner="inline")
    return Shop(folder, settings, mailbox[1])


@pytest.fixture
def drive(shop: Shop) -> Iterator[Callable[[], Driver]]:
    """Begin a driver; a new one takes the place of the one before, as after its death."""
    running: list[Driver] = []

    def end() -> None:
        while running:
            running.pop().close()

    def begin() -> Driver:
        end()
        running.append(Driver(shop.settings, shop.folder))
        return running[-1]

    yield begin
    end()


@pytest.fixture
def effects() -> Callable[..., pa.RecordBatch]:
    return effects_of


@pytest.fixture
def store_of() -> Callable[[pa.RecordBatch], MemoryExecutions]:
    return waiting


@pytest.fixture
def lease() -> Callable[[MemoryExecutions, int], pa.RecordBatch]:
    return leased
