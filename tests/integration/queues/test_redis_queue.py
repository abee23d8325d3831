"""A queue in a real Redis: refused when it would forget, patient when it is away, and not misled by what others put there."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
import redis

from engine.adapters.queues import redis_queue
from engine.adapters.queues.redis_queue import RedisQueue
from engine.campaign.schema import Priority
from engine.errors import ServiceError, TryAgainError
from engine.queueing.contract import ITEMS


@pytest.fixture
def client(redis_server: Any) -> redis.Redis:
    client = redis.Redis(port=redis_server.port, password=redis_server.password)
    client.flushall()
    client.config_set("appendonly", "yes")
    client.config_set("maxmemory-policy", "noeviction")
    return client


@pytest.fixture
def queue(client: redis.Redis, redis_server: Any) -> RedisQueue:
    return RedisQueue(redis_server.url, redis_server.password)


@pytest.mark.parametrize(("setting", "value"), [("appendonly", "no"), ("maxmemory-policy", "allkeys-lru")])
def test_a_server_that_forgets_is_refused(queue: RedisQueue, client: redis.Redis, setting: str, value: str) -> None:
    client.config_set(setting, value)
    with pytest.raises(ServiceError) as caught:
        queue.depths("x")
    client.config_set("maxmemory-policy", "noeviction")
    assert caught.value.diagnostics[0].code == "MR692"
    assert setting in (caught.value.diagnostics[0].help or "")


def test_a_server_that_is_away_and_comes_back(own_redis: Any) -> None:
    with redis.Redis(port=own_redis.port, password=own_redis.password) as client:
        client.config_set("appendonly", "yes")
    queue = RedisQueue(own_redis.url, own_redis.password)
    queue.depths("x")
    own_redis.kill()
    with pytest.raises(TryAgainError) as caught:
        queue.depths("x")
    assert caught.value.diagnostics[0].code == "MR691"
    assert own_redis.password not in str(caught.value)


def test_whoever_asks_a_silent_server_is_told_so_at_once_until_it_answers_a_look(
    own_redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_queue, "DEADLINE", 0.3)
    clock = [0.0]
    queue = RedisQueue(own_redis.url, own_redis.password, lambda: clock[0])

    def told() -> set[str]:
        with pytest.raises(TryAgainError) as caught:
            queue.depths("x")
        return {each.code for each in caught.value.diagnostics}

    with redis.Redis(port=own_redis.port, password=own_redis.password) as client:
        client.config_set("appendonly", "yes")
        with own_redis.silent():
            assert told() == {"MR691"}
            monkeypatch.setattr(queue, "_client", None)  # the look needs another, which waits less
            clock[0] += redis_queue.REST
            assert told() == {"MR691"}
            monkeypatch.undo()
        assert told() == {"MR691"}  # it would answer, and is not asked
        depths = None
        while depths is None:  # a busy machine may take its time
            clock[0] += redis_queue.REST
            with suppress(TryAgainError):
                depths = queue.depths("x")
        assert depths[Priority.HIGH] == 0


@pytest.mark.parametrize(
    "value", [b"", b"[]", b"{}", b"[1, 2, 3, 4, 5, 6, 7]", b"\xff", b"[" * 100_000, b'["a"]', None]
)
def test_what_is_no_item_is_thrown_away(queue: RedisQueue, client: redis.Redis, value: bytes | None) -> None:
    queue.depths("x")
    fields = {"name": "x", "other": "x"} if value is None else {"name": "x", "item": value}
    client.xadd('mailray:queue:["x", "x"]', fields)
    row = dict.fromkeys(ITEMS.names, "x") | {"arrived": None, "priority": "high"}
    good = pa.RecordBatch.from_pylist([row]).drop_columns(["arrived"])
    good = good.add_column(5, "arrived", pa.array([7], pa.int64()).cast(ITEMS.field("arrived").type))
    queue.put(good)
    assert queue.take("x", "x", 10, 0).num_rows == 1
    assert queue.depths("x")[Priority.HIGH] == 1
