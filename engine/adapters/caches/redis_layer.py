"""The layer in Redis (7.0 or later, one server or a primary; not Redis Cluster): what one node has loaded, all nodes have."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Any

import numpy as np
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine.adapters.caches.seal import Seal
from engine.cache.figures import Figures
from engine.cache.layer import LayerDownError, Marks, Record
from engine.cache.records import FORMAT, HEAD, Kind, gone, heads, heads_of

DEADLINE = 0.25
"""Seconds for a connection, and for an answer."""
TOGETHER = 1_000
"""Keys of one command: Redis does nothing else while it runs."""
LARGEST = 1 << 20
"""Bytes of a record; larger ones are not shared."""
INVALIDATED_FOR = 60_000
"""Milliseconds that an invalidation is remembered; three times what a load may take that is still shared."""
MARKED_FOR = 7 * 86_400_000
_GLOB, _ESCAPED = re.compile(r"[\\*?\[\]^]"), r"\\\g<0>"
CHANNEL = f"mailray:{FORMAT}:invalidated"


def connect(url: str, password: str | None, retries: int = 1) -> redis.Redis:
    """A client with short deadlines. A connection that the server has closed is replaced ``retries`` times, at once; nothing else is
    tried again."""
    return redis.Redis.from_url(
        url,
        password=password,
        socket_timeout=DEADLINE,
        socket_connect_timeout=DEADLINE,
        retry=Retry(NoBackoff(), retries, (redis.ConnectionError,)),
        client_name="mailray",
        protocol=2,
    )


class RedisLayer:
    """Sealed records under their keys. What is not sealed with ``secret`` is no record, and is removed; nothing in it is looked at.

    ``clock`` gives UTC microseconds.
    """

    name = "redis"

    def __init__(self, client: redis.Redis, secret: bytes, clock: Callable[[], int], figures: Figures) -> None:
        self._client = client
        self._seal = Seal(secret)
        self._clock = clock
        self._figures = figures
        self._put, self._invalidate, self._discard = (
            client.register_script(resources.files(__package__).joinpath("lua", name).read_text("utf-8"))
            for name in ("put.lua", "invalidate.lua", "discard.lua")
        )

    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        with _answered():
            values: list[Any] = [value for part in _parts(keys) for value in self._client.mget(part)]
            return self._opened(keys, values)

    def put_many(self, keys: Sequence[str], records: Sequence[Record]) -> None:
        left = (heads_of(records)["fresh_until"].astype(np.int64) - self._clock()) // 1_000
        self._store([(*each, life) for *each, life in zip(keys, records, left.tolist(), strict=True) if life > 0])

    def invalidate(self, keys: Sequence[str], version: int) -> None:
        marker = gone(version)
        with _answered():
            for part in _parts(keys):
                markers = [self._seal.close(key, marker) for key in part]
                self._invalidate(keys=part, args=[INVALIDATED_FOR, *markers])
        self._figures.happened(self.name, "invalidated", len(keys))

    def marks(self, prefix: str) -> Marks | None:
        found = self.get_many([_marks_key(prefix)])[0]
        if found is None:
            return None
        (head,) = heads_of([found])
        return Marks(int(head["version"]), int(head["fresh_until"])) if head["kind"] == Kind.MARKS else None

    def mark(self, prefix: str, marks: Marks) -> None:
        record = heads(Kind.MARKS, np.array([marks.caught]), np.array([marks.floor])).tobytes()
        self._store([(_marks_key(prefix), record, MARKED_FOR)])

    def clear(self, prefix: str) -> None:
        with _answered():
            for part in _parts(
                [*self._client.scan_iter(f"{_GLOB.sub(_ESCAPED, prefix)}*", TOGETHER), _marks_key(prefix)]
            ):
                self._client.unlink(*part)

    def announce(self, prefix: str, names: Sequence[str]) -> None:
        with _answered():
            for part in _parts(names):
                self._client.publish(CHANNEL, json.dumps([prefix, part]))

    def _store(self, entries: Sequence[tuple[str, Record, int]]) -> None:
        fit = [each for each in entries if len(each[1]) <= LARGEST]
        refused = 0
        with _answered():
            for part in _parts(fit):
                values = [part for key, record, life in part for part in (self._seal.close(key, record), life)]
                refused += self._put(keys=[key for key, _, _ in part], args=values)
        self._figures.happened(self.name, "outdated", refused)
        self._figures.happened(self.name, "too large", len(entries) - len(fit))

    def _opened(self, keys: Sequence[str], values: Sequence[bytes | None]) -> list[Record | None]:
        """The records in values. One that is no record, or of another format, is counted, removed, and None."""
        records: list[Record | None] = []
        bad: list[tuple[str, bytes]] = []
        for key, value in zip(keys, values, strict=True):
            record = None if value is None else self._seal.open(key, value)
            if value is not None and (record is None or len(record) < HEAD or record[0] != FORMAT):
                self._figures.happened(self.name, "forged" if record is None else "foreign")
                bad.append((key, value))
                record = None
            records.append(record)
        if bad:
            digests = [hashlib.sha1(value, usedforsecurity=False).hexdigest() for _, value in bad]
            self._discard(keys=[key for key, _ in bad], args=digests)
        return records


def _marks_key(prefix: str) -> str:
    """No value's key: those go on with the length of the tenant."""
    return f"mailray:{FORMAT}:marks:{prefix}"


def _parts(items: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), TOGETHER):
        yield list(items[start : start + TOGETHER])


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as fault:
        raise LayerDownError(f"{type(fault).__name__}: {fault}") from fault
