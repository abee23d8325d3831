"""The cluster's queue in Redis Streams (7.0 or later, one server or a primary): a stream a workflow, read by one group.

Durable only when Redis writes what it acknowledges to its append-only file, and forgets nothing for want of memory; a server that
does not is refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa
import redis

from engine.adapters.queues.rows import Row, fields, taken
from engine.campaign.schema import Priority
from engine.errors import Place, ServiceError, TryAgainError

TOGETHER = 1_000
"""Items of one command: Redis does nothing else while it runs."""
DEADLINE = 3.0
"""Seconds that an answer is waited for. Whoever asks does nothing else meanwhile, and workers give up a driver of whom they hear nothing
for ten seconds."""
REST, LOOK = 1.0, 0.5
"""Once it has not answered: seconds in which nobody asks it, and then those in which it must answer a first look."""
_GROUP = "workers"
_TAKER = "worker"  # who took an item does not matter, only how long ago
_PREFIX = "mailray:queue"
_NAMES, _DEPTHS = f"{_PREFIX}:names", f"{_PREFIX}:depths"

Value = TypeVar("Value")


class RedisQueue:
    """Raises ServiceError (MR692) when the server would lose what it has acknowledged, TryAgainError (MR691) when it does not answer.

    While it is known not to answer, whoever asks is told so at once: a server that takes connections and is silent would otherwise hold
    up, question by question, whoever has other things to do. ``monotonic`` gives seconds.
    """

    def __init__(self, url: str, password: str | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        parts = urlsplit(url)
        self._place = Place(f"redis://{parts.hostname}:{parts.port or 6379}{parts.path}")
        self._client, self._looking = (_client(url, password, deadline) for deadline in (DEADLINE, LOOK))
        self._monotonic = monotonic
        self._silence: str | None = None
        self._rests_until = 0.0
        self._put, self._done = (
            self._client.register_script(resources.files(__package__).joinpath("lua", name).read_text("utf-8"))
            for name in ("put.lua", "done.lua")
        )
        self._ready = False
        self._groups: set[str] = set()

    def put(self, items: pa.RecordBatch) -> int:
        entries = [_entry(row) for row in fields(items)]
        with self._answering():
            return sum(self._put(keys=[_NAMES, _DEPTHS], args=[*chain(*part)]) for part in _parts(entries))

    def take(self, tenant: str, workflow: str, most: int, lapse: float) -> pa.RecordBatch:
        stream, rows = _stream(tenant, workflow), []
        with self._answering():
            self._read_by_group(stream)
            for entry, values in self._free(stream, most, int(lapse * 1_000)):
                row = _row(values)
                if row is None:  # whoever can write to Redis can put anything there
                    self._done(keys=[_NAMES, _DEPTHS], args=[_GROUP, stream, entry])
                else:
                    rows.append((*row, json.dumps([stream, entry.decode()])))
        return taken(rows)

    def hold(self, tickets: Sequence[str]) -> None:
        with self._answering():
            for stream, entries in _by_stream(tickets).items():
                self._read_by_group(stream)
                for part in _parts(entries):
                    self._client.xclaim(stream, _GROUP, _TAKER, 0, [*part], justid=True)

    def done(self, tickets: Sequence[str]) -> int:
        named = [tuple(json.loads(ticket)) for ticket in tickets]
        with self._answering():
            return sum(self._done(keys=[_NAMES, _DEPTHS], args=[_GROUP, *chain(*part)]) for part in _parts(named))

    def depths(self, tenant: str) -> dict[Priority, int]:
        with self._answering():
            found: Any = self._client.hmget(_DEPTHS, [_depth(tenant, priority.value) for priority in Priority])
        return {priority: int(depth or 0) for priority, depth in zip(Priority, found, strict=True)}

    def close(self) -> None:
        self._client.close()
        self._looking.close()

    def _free(self, stream: str, most: int, lapse: int) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """What was taken and has lapsed, and then what nobody has taken yet."""
        found: list[Any] = []
        start: Any = "0-0"
        while len(found) < most:
            start, lapsed, _ = self._client.xautoclaim(
                stream, _GROUP, _TAKER, lapse, start, min(TOGETHER, most - len(found))
            )
            found += lapsed
            if start == b"0-0":
                break
        while len(found) < most:
            read: Any = self._client.xreadgroup(_GROUP, _TAKER, {stream: ">"}, min(TOGETHER, most - len(found)))
            if not read:
                break
            found += read[0][1]
        return found

    @contextmanager
    def _answering(self) -> Iterator[None]:
        if self._silence is not None and self._monotonic() < self._rests_until:
            raise self._silent(self._silence)
        try:
            if not self._ready:
                self._prepare()
            yield
        except (redis.RedisError, OSError) as fault:
            self._ready = False  # whoever answers next may be another, and know less
            self._groups.clear()
            self._silence = " ".join(str(fault).split())[:200]
            self._rests_until = self._monotonic() + REST
            raise self._silent(self._silence) from fault

    def _prepare(self) -> None:
        if self._silence is not None:
            self._looking.ping()
            self._silence = None
        known = {**self._client.info("persistence"), **self._client.info("memory")}
        if not known.get("aof_enabled"):
            raise self._forgetful("it keeps nothing on the disk", "`appendonly yes` and `appendfsync always`")
        if known.get("maxmemory_policy") != "noeviction":
            raise self._forgetful("it forgets what it has no memory for", "`maxmemory-policy noeviction`")
        self._ready = True

    def _read_by_group(self, stream: str) -> None:
        if stream not in self._groups:
            try:
                self._client.xgroup_create(stream, _GROUP, "0", mkstream=True)
            except redis.ResponseError as fault:
                if "BUSYGROUP" not in str(fault):
                    raise
            self._groups.add(stream)

    def _silent(self, why: str) -> TryAgainError:
        return TryAgainError.single(
            "MR691",
            f"the queue does not answer: {why}",
            place=self._place,
            help="nothing that was taken in is lost; it goes on when Redis is back",
        )

    def _forgetful(self, why: str, setting: str) -> ServiceError:
        return ServiceError.single(
            "MR692",
            f"Redis cannot keep the queue: {why}",
            place=self._place,
            help=f"set {setting}, or keep the queue in the store",
        )


def _client(url: str, password: str | None, deadline: float) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        password=password,
        socket_timeout=deadline,
        socket_connect_timeout=deadline,
        client_name="mailray",
        protocol=2,
    )


def _stream(tenant: str, workflow: str) -> str:
    return f"{_PREFIX}:{json.dumps([tenant, workflow])}"


def _depth(tenant: str, priority: str) -> str:
    return json.dumps([tenant, priority])


def _by_stream(tickets: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for stream, entry in map(json.loads, tickets):
        found.setdefault(stream, []).append(entry)
    return found


def _entry(row: Row) -> tuple[str, str, str, str]:
    return json.dumps([row[1], row[0]]), _stream(row[1], row[2]), _depth(row[1], row[3]), json.dumps(row)


def _row(values: dict[bytes, bytes]) -> Row | None:
    try:
        row = json.loads(values[b"item"])
        taken([(*row, "")])
    except (KeyError, ValueError, TypeError, RecursionError):
        return None
    return tuple(row)


def _parts(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    for start in range(0, len(values), TOGETHER):
        yield values[start : start + TOGETHER]
