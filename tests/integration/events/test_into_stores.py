"""Rows from files and requests into real databases, which go away in the middle."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pyarrow as pa
import pytest
from starlette.types import ASGIApp

from engine.adapters.connectors import FileConnector, files
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.store_postgres import PostgresStore
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.adapters.web import FeedbackParts, PostingParts, feedback_application
from engine.audience.incoming import EVENT, USER, Reading
from engine.audience.store import Store
from engine.errors import TryAgainError
from engine.pipeline.events_ingest import Counts, ingest, keep_events, keep_users
from engine.pipeline.events_intake import EventIntake

SECONDS = 0.5  # that a connection is waited for
BEARER = {"Authorization": "Bearer a-token"}


class Nowhere:
    def keep(self, rows: Sequence[Any]) -> None:
        raise AssertionError(rows)


def in_postgres(server: Any) -> PostgresStore:
    database = parse_database(server.url, server.password, STORE)
    limits = PoolLimits(max_connections=2, min_connections=0, connection_timeout=SECONDS)
    return PostgresStore(PostgresPool(database, [], limits, lag=0), f"tenant {uuid.uuid4()}")


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        made: Store = SqliteStore(tmp_path / "store.sqlite", "default")
    else:
        made = in_postgres(request.getfixturevalue("postgres"))
    yield made
    made.close()


def event(number: int) -> dict[str, Any]:
    at = "2026-03-02T10:00:00Z"
    return {
        "event_id": f"e{number}",
        "user_id": f"u{number % 7}",
        "event_type": "ordered",
        "event_time": at,
        "n": number,
    }


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of ten pages."""
    monkeypatch.setattr(files, "CHUNK", 20_000)
    lines = "".join(json.dumps(event(number)) + "\n" for number in range(2_000))
    (tmp_path / "events.jsonl").write_text(lines)
    return str(tmp_path / "events.jsonl")


def read(file: str, store: Store, told: Callable[[Counts], None] = lambda _: None) -> Counts:
    return ingest(FileConnector([file], Reading(EVENT)), keep_events(store), Nowhere(), told=told)


def ids(store: Store) -> list[str]:
    return [str(each) for each in store.events(0, 10_000)[0].column("event_id").to_pylist()]


def test_every_event_once_in_its_order(store: Store, file: str) -> None:
    assert (read(file, store).changed, read(file, store).same) == (2_000, 2_000)
    assert ids(store) == [f"e{number}" for number in range(2_000)]
    (first, *_) = store.events(0, 1)[0].to_pylist()
    assert json.loads(first["properties"]) == {"n": 0}


def test_the_last_word_on_a_customer_holds(store: Store, tmp_path: Path) -> None:
    rows = [
        {"user_id": "u1", "tier": "gold"},
        {"user_id": "u2"},
        {"user_id": "u1", "tier": "silver", "email": "ann@example.com"},
    ]
    path = tmp_path / "customers.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    clock = iter(range(10_000, 20_000))
    for run in ("first", "second"):
        ingest(FileConnector([str(path)], Reading(USER)), keep_users(store, run, lambda: next(clock)), Nowhere())
    found = store.users(pa.array(["u1", "u2", "u3"])).to_pylist()
    assert [(each["user_id"], each["email"], json.loads(each["attributes"])) for each in found] == [
        ("u1", "ann@example.com", {"tier": "silver"}),
        ("u2", None, {}),
    ]


def test_a_database_that_goes_away_keeps_whole_pages_and_a_repeat_makes_up_for_the_rest(
    own_postgres: Any, file: str
) -> None:
    store = in_postgres(own_postgres)

    def kill_at_the_third(counts: Counts) -> None:
        if counts.pages == 3:
            own_postgres.kill()

    with pytest.raises(TryAgainError, match="MR671"):
        read(file, store, kill_at_the_third)
    own_postgres.start()
    kept = ids(store)
    assert kept == [f"e{number}" for number in range(len(kept))]
    assert 0 < len(kept) < 2_000
    assert read(file, store).changed == 2_000 - len(kept)
    assert ids(store) == [f"e{number}" for number in range(2_000)]
    store.close()


def application(store: Store) -> ASGIApp:
    nobody = cast("Any", None)
    events = PostingParts(EventIntake(store, Reading(EVENT)), nobody, b"a-token")
    return feedback_application(FeedbackParts(nobody, nobody, nobody, [], lambda: 0, store.version, events))


async def post(client: httpx.AsyncClient, numbers: Sequence[int]) -> int:
    reply = await client.post("/events", json=[event(each) for each in numbers], headers=BEARER)
    assert reply.status_code == 202 or (reply.status_code, reply.headers["retry-after"]) == (503, "30")
    return reply.status_code


def test_what_is_acknowledged_is_there_and_the_rest_is_asked_for_again(own_postgres: Any) -> None:
    store = in_postgres(own_postgres)

    async def story() -> None:
        transport = httpx.ASGITransport(application(store))
        async with httpx.AsyncClient(transport=transport, base_url="https://go.example.com", timeout=60) as client:
            assert {*await asyncio.gather(*(post(client, [each, each + 1]) for each in range(50)))} == {202}
            own_postgres.kill()
            assert {*await asyncio.gather(*(post(client, [each]) for each in range(100, 110)))} == {503}
            assert (await client.get("/healthz")).status_code == 503
            own_postgres.start()
            assert {*await asyncio.gather(*(post(client, [each]) for each in range(100, 110)))} == {202}
            assert (await client.get("/healthz")).status_code == 200

    asyncio.run(story())
    assert sorted(ids(store)) == sorted(f"e{number}" for number in [*range(51), *range(100, 110)])
    store.close()
