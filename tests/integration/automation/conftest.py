"""A worker of an automation with everything in one SQLite file: people near at hand, executions, effects, events as items."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from shutil import copy
from typing import Any

import pyarrow as pa
import pytest

from engine.adapters.caches.stored_users import StoredUsers
from engine.adapters.stores.executions_sqlite import SqliteExecutions
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.audience.store import USERS, Write
from engine.cache.figures import Figures
from engine.cache.memory import MemoryLayer
from engine.cache.policy import Policy
from engine.cache.space import Space
from engine.cache.stack import CacheStack, Surroundings
from engine.campaign.schema import Campaign
from engine.pipeline.automation.advancing import Advancer
from engine.pipeline.automation.applying import Applier
from engine.pipeline.automation.calling import Caller, MakeCalls
from engine.pipeline.automation.contract import LEASE, Advance, Advanced, Applied, Apply, LiveWorkflow
from engine.pipeline.automation.moving import Mover
from engine.pipeline.automation.people import StoredPeople
from engine.pipeline.automation.programs import Programs
from engine.pipeline.definition import PlanDefinition
from engine.queueing.contract import TAKEN
from engine.workflow.definition import definition_of
from engine.workflow.executions import EXECUTIONS, EffectKind, State
from engine.workflow.scope import StepKind

Row = dict[str, Any]
SECOND = 1_000_000
START = 1_772_323_200 * SECOND  # 2026-03-01T00:00:00Z
COLUMNS = {"tier": pa.string(), "visits": pa.int64(), "level": pa.string()}
AUDIENCE = pa.schema([("user_id", pa.string()), ("email", pa.string()), *COLUMNS.items()])
WRITING = (EffectKind.UPDATE, EffectKind.MEMBERSHIP)


def live_of(workflow: Sequence[Row], **rest: Any) -> LiveWorkflow:
    values = {
        **{"name": "cart", "type": "abandoned_cart", "audience": {"source": "store:", "key": "user_id"}},
        **{"workflow": list(workflow), "delivery": {"from": {"address": "news@example.com"}}},
        **{"events": {"left": {"total": "number"}, "bought": {}}, "trigger": {"event": "left"}, **rest},
    }
    campaign = Campaign.model_validate(values, by_alias=True, by_name=False)
    plan = PlanDefinition(campaign, AUDIENCE, ("tier",), datetime(2026, 3, 1, tzinfo=UTC))
    return LiveWorkflow(plan, definition_of(campaign))


def batch(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array([row.get(each.name) for row in rows], each.type) for each in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class Shop:
    """Times are seconds since START. ``put_between`` puts something between the workers and what they call."""

    def __init__(self, path: Path) -> None:
        self.store, self.executions = SqliteStore(path, "tenant"), SqliteExecutions(path, "tenant")
        self.clock = float(0)
        self._numbers, self._positions = count(1), count(1)

    def wall(self) -> int:
        return START + round(self.clock * SECOND)

    def employ(
        self,
        *live: LiveWorkflow,
        make: MakeCalls = lambda calls: [],
        installed: Mapping[str, StepKind] | None = None,
        between: Callable[[Any], Any] = lambda target: target,
        programs: Programs | None = None,
    ) -> None:
        """A worker begins, with what it has compiled before if it is given; ``between`` stands between it and its stores."""
        for each in live:
            self.executions.define(each.name, each.definition.version, each.definition.text)
        space, around = Space("tenant", "users", USERS), Surroundings(self.wall, lambda: 0.0, lambda _: False)
        users = CacheStack(
            space, StoredUsers(self.store), MemoryLayer(1 << 20), None, Policy(ttl=1 << 60), Figures(), around
        )
        people = StoredPeople(users, {each.name: each for each in live})
        executions, store = between(self.executions), between(self.store)
        programs = programs or Programs(live, executions, installed or {})
        timer, ticks = lambda: next(ticks) / 1_000, count()
        mover = Mover(programs, executions, people, timer, lambda: (100.0, 50.0))
        self.advancer = Advancer(programs, executions, people, mover, self.wall, timer)
        caller = Caller(programs, executions, mover, make, self.wall, timer, lambda seconds: None)
        self.applier = Applier(executions, store, people, caller)

    def item(self, at: float, user: str, event: str | None, properties: Row | None = None, **more: Any) -> Row:
        position = next(self._positions)
        told = {"event_id": f"e{position}", "event": event, "properties": properties} if event else {}
        payload = {"position": position, "at": START + round(at * SECOND), **told, **more}
        return {
            **{"item_id": f"i{position}", "ticket": f"t{position}", "tenant": "tenant", "workflow": "cart"},
            **{"priority": "normal", "user_id": user, "arrived": START, "payload": json.dumps(payload)},
        }

    def tell(self, *items: Row, due: pa.RecordBatch | None = None) -> Advanced:
        executions = batch([], EXECUTIONS) if due is None else due
        return self.advancer.advance(Advance(next(self._numbers), "cart", batch(items, TAKEN), executions))

    def due(self) -> pa.RecordBatch:
        return self.executions.due(["cart"], self.wall(), 100, self.wall() + LEASE)

    def go_on(self) -> Advanced:
        """Whoever is due."""
        return self.tell(due=self.due())

    def apply(self, *kinds: EffectKind) -> Applied:
        effects = self.executions.effects(kinds or WRITING, ["cart"], self.wall(), 100, self.wall() + LEASE)
        return self.work(effects)

    def work(self, effects: pa.RecordBatch) -> Applied:
        return self.applier.apply(Apply(next(self._numbers), effects))

    def attributes(self, user: str) -> Row:
        return dict(json.loads(self.store.users(pa.array([user])).column("attributes")[0].as_py()))

    def segments(self, user: str) -> list[tuple[str, str]]:
        rows = self.store.memberships(pa.array([user])).to_pylist()
        return [(row["segment_type"], row["segment_value"]) for row in rows]

    def stands(self) -> list[tuple[str, str, str]]:
        """User, state and step of all executions."""
        rows = self.executions.of_workflow("cart", list(State), "", 100).sort_by(
            [("user_id", "ascending"), ("entered_at", "ascending")]
        )
        return [(row["user_id"], row["state"], row["step"]) for row in rows.to_pylist()]

    def told(self) -> list[tuple[str, float, str, str]]:
        """User, time, step and outcome of all that has happened."""
        page = self.executions.of_workflow("cart", list(State), "", 100)
        users = {row["execution_id"]: row["user_id"] for row in page.to_pylist()}
        rows = self.executions.history([*users]).to_pylist()
        told = [
            (users[row["execution_id"]], row["at"].timestamp() - START / SECOND, row["step"], row["outcome"])
            for row in rows
        ]
        return sorted(told, key=lambda row: row[:2])


@pytest.fixture
def live() -> Callable[..., LiveWorkflow]:
    return live_of


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two people, to be copied."""
    path = tmp_path_factory.mktemp("people") / "store.sqlite"
    schema = pa.schema([USERS.field(name) for name in ("user_id", "email", "attributes")])
    rows = [{"user_id": name, "email": f"{name}@example.com", "attributes": '{"visits": 1}'} for name in ("ann", "bob")]
    with closing(SqliteStore(path, "tenant")) as store, closing(SqliteExecutions(path, "tenant")) as executions:
        store.put_users(batch(rows, schema), Write("test", "users", "all", START))
        executions.versions()
    return path


@pytest.fixture
def make_shop(people: Path, tmp_path: Path) -> Iterator[Callable[[], Shop]]:
    numbers = count()
    with ExitStack() as opened:

        def make() -> Shop:
            made = Shop(Path(copy(people, tmp_path / f"store {next(numbers)}.sqlite")))
            opened.callback(made.store.close)
            opened.callback(made.executions.close)
            return made

        yield make


@pytest.fixture
def shop(make_shop: Callable[[], Shop]) -> Shop:
    return make_shop()
