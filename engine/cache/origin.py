"""The last layer: where values truly are, asked once for all keys that no other layer has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.cache.layer import Record
from engine.cache.policy import Policy
from engine.cache.records import Kind, heads
from engine.cache.space import Space


class Origin(Protocol):
    """What is cached. Raises TryAgainError when it cannot be read now."""

    key: str
    """The column that holds the name a value is asked for by."""
    schema: pa.Schema

    def read(self, names: Sequence[str]) -> pa.RecordBatch:
        """The values of those of these names that are known, one row each, in any order; one question, however many names."""

    def version(self) -> int:
        """The number of the latest change. What is read after this was asked contains every change up to it."""

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        """The names whose values changed after a version; None when they are more than ``most``."""


class OriginLayer:
    """An origin as a layer: whatever it is asked for it has a record of.

    ``seen`` is a version of the origin that was current at some time before now. A record is as old as the later of ``seen`` and its
    row's own version: both are sure to be in it.
    """

    name = "store"

    def __init__(self, origin: Origin, space: Space, policy: Policy, clock: Callable[[], int]) -> None:
        self._origin = origin
        self._space = space
        self._policy = policy
        self._clock = clock
        self.seen = 0

    def get_many(self, keys: Sequence[str]) -> list[Record]:
        """A record of each key, PRESENT or ABSENT."""
        now, seen = self._clock(), self.seen
        batch = self._origin.read(self._space.names(list(dict.fromkeys(keys))))
        known = self._space.keys(batch.column(self._origin.key).to_pylist())
        records = dict(zip(known, self._packed(batch, known, seen, now), strict=True))
        lacking = [key for key in dict.fromkeys(keys) if key not in records]
        until = self._policy.fresh_until(lacking, now, self._policy.absent)
        absent = heads(Kind.ABSENT, np.full(len(lacking), seen), until)
        records |= {key: head.tobytes() for key, head in zip(lacking, absent, strict=True)}
        return [records[key] for key in keys]

    def _packed(self, batch: pa.RecordBatch, keys: Sequence[str], seen: int, now: int) -> list[Record]:
        until = self._policy.fresh_until(keys, now, self._policy.ttl)
        return self._space.rows.pack(batch, heads(Kind.PRESENT, _versions(batch, seen), until).tobytes())


def _versions(batch: pa.RecordBatch, seen: int) -> npt.NDArray[np.int64]:
    if "version" not in batch.schema.names:
        return np.full(batch.num_rows, seen, np.int64)
    versions: npt.NDArray[np.int64] = batch.column("version").to_numpy()
    return np.maximum(versions, seen)
