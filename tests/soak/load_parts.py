"""The processes of a load test: who causes events, and who works on what comes of them. Each begins anew and opens its own files."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
from hdrh.histogram import HdrHistogram

from engine.adapters.caches.stored_users import StoredUsers
from engine.adapters.stores.executions_sqlite import SqliteExecutions
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.audience.store import EVENTS, USERS
from engine.cache.figures import Figures
from engine.cache.memory import MemoryLayer
from engine.cache.policy import Policy
from engine.cache.space import Space
from engine.cache.stack import CacheStack, Surroundings
from engine.campaign.schema import Campaign, Priority
from engine.errors import TryAgainError
from engine.pipeline.automation.advancing import Advancer
from engine.pipeline.automation.contract import LiveWorkflow
from engine.pipeline.automation.moving import Mover
from engine.pipeline.automation.people import StoredPeople
from engine.pipeline.automation.programs import Programs
from engine.pipeline.definition import TENANT, PlanDefinition
from engine.workflow.definition import definition_of

PEOPLE = 200_000
MIX = {Priority.CRITICAL: 2, Priority.HIGH: 8, Priority.NORMAL: 30, Priority.LOW: 20, Priority.BATCH: 40}
LONGEST = 3_600_000_000  # an hour, in microseconds
STORE = "store.sqlite"
Coming: TypeAlias = "Queue[list[tuple[int, Priority]] | None]"
AUDIENCE = pa.schema([("user_id", pa.string()), ("email", pa.string()), ("tier", pa.string())])


@dataclass(frozen=True, slots=True)
class Phase:
    """``rates``: events a second by priority, for so many seconds."""

    rates: dict[Priority, float]
    seconds: float


def wall() -> int:
    return time.time_ns() // 1_000


def histogram() -> Any:
    return HdrHistogram(1, LONGEST, 3)


def workflows() -> list[LiveWorkflow]:
    """One of each priority. Whoever enters is asked a condition, comes to the end, and may enter again."""
    found = []
    for priority in Priority:
        steps = [
            {
                **{"id": "fork", "type": "conditional_branch", "else": "end"},
                "branches": [{"when": "tier = 'gold'", "next": "end"}],
            }
        ]
        campaign = Campaign.model_validate(
            {
                **{"name": f"load_{priority.value}", "type": "behavioral_trigger", "priority": priority.value},
                **{"audience": {"source": "store:", "key": "user_id"}, "workflow": steps},
                **{"delivery": {"from": {"address": "news@example.com"}}, "events": {f"on_{priority.value}": {}}},
                "trigger": {"event": f"on_{priority.value}"},
            }
        )
        plan = PlanDefinition(campaign, AUDIENCE, (), datetime(2026, 3, 1, tzinfo=UTC))
        found.append(LiveWorkflow(plan, definition_of(campaign)))
    return found


def events(arrivals: Sequence[tuple[int, Priority]], name: str, luck: random.Random) -> pa.RecordBatch:
    """Events that happen at these instants to somebody; ``name`` makes their ids unique."""
    columns = {
        "event_id": pa.array([f"{name}-{luck.getrandbits(64):016x}" for _ in arrivals], pa.string()),
        "user_id": pa.array([f"u{luck.randrange(PEOPLE)}" for _ in arrivals], pa.string()),
        "event_type": pa.array([f"on_{priority.value}" for _, priority in arrivals], pa.string()),
        "event_time": pa.array([at for at, _ in arrivals], pa.int64()).view(EVENTS.field("event_time").type),
    }
    arrays = [columns.get(field.name, pa.nulls(len(arrivals), field.type)) for field in EVENTS]
    return pa.RecordBatch.from_arrays(arrays, schema=EVENTS)


def drawn(phases: Sequence[Phase], begin: int, luck: random.Random) -> Iterator[tuple[int, Priority]]:
    """Poisson arrivals, drawn before anything is done and whatever is made of them."""
    for phase in phases:
        end, at = begin + phase.seconds * 1e6, float(begin)
        kinds, rates = [*phase.rates], [*phase.rates.values()]
        while (at := at + luck.expovariate(sum(rates) / 1e6)) < end:
            yield int(at), luck.choices(kinds, rates)[0]
        begin = int(end)


def generate(coming: Coming, phases: Sequence[Phase], seed: int, answer: Connection) -> None:
    """Cause each event at its instant, from the one on that is told when all is ready; and tell how late that was. It is no part of what
    is measured, and goes first where it may."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    lag, place, drawn_from_0 = histogram(), 0, list(drawn(phases, 0, random.Random(seed)))
    answer.send("ready")
    begin = answer.recv()
    arrivals = [(begin + at, priority) for at, priority in drawn_from_0]
    while place < len(arrivals):
        time.sleep(max(0.0, (arrivals[place][0] - wall()) / 1e6))
        now, first = wall(), place
        while place < len(arrivals) and arrivals[place][0] <= now:
            lag.record_value(max(1, now - arrivals[place][0]))
            place += 1
        coming.put(arrivals[first:place])
    coming.put(None)
    answer.send(lag.encode())


def take_in(folder: Path, coming: Coming, seed: int) -> None:
    """Put what happens into the store, as whoever serves does: all that has come meanwhile together."""
    store, luck, over = SqliteStore(folder / STORE, TENANT), random.Random(seed + 1), False
    while not over:
        batches = [coming.get()]
        while not coming.empty():
            batches.append(coming.get())
        over = batches[-1] is None
        put = events([each for batch in batches for each in batch or ()], str(seed), luck)
        while put.num_rows:
            try:
                store.put_events(put)
                break
            except TryAgainError:
                continue
    store.close()


def work(folder: Path, tasks: Connection) -> None:
    """A worker: does one task after the other until there is none. What fails is answered with None."""
    pa.set_cpu_count(1)
    store, executions = SqliteStore(folder / STORE, TENANT), SqliteExecutions(folder / STORE, TENANT)
    live = workflows()
    space, around = Space(TENANT, "users", USERS), Surroundings(wall, time.perf_counter, lambda _: False)
    users = CacheStack(space, StoredUsers(store), MemoryLayer(64 << 20), None, Policy(ttl=LONGEST), Figures(), around)
    people = StoredPeople(users, {each.name: each for each in live})
    programs = Programs(live, executions, {})
    mover = Mover(programs, executions, people, time.perf_counter, lambda: (0.0, 0.0))
    advancer = Advancer(programs, executions, people, mover, wall, time.perf_counter)
    while (task := tasks.recv()) is not None:
        try:
            tasks.send(advancer.advance(task))
        except TryAgainError:
            tasks.send(None)
