"""Values read through the layers: memory, the shared layer, the origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.cache.figures import Figures
from engine.cache.flights import Flight, Flights
from engine.cache.layer import Record
from engine.cache.memory import MemoryLayer
from engine.cache.origin import Origin, OriginLayer
from engine.cache.policy import SECOND, Policy
from engine.cache.records import Kind, heads_of
from engine.cache.shared import Shared
from engine.cache.space import Space
from engine.errors import MailrayError

MOST_CHANGED = 5_000
"""Names of changed values that are gone through one by one; beyond, everything older is forgotten."""
LONGEST_LOAD = 20 * SECOND
"""What took longer is given and not shared: the shared layer remembers an invalidation for some times as long."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of the names that were asked for: ``rows`` in their order, and for each name whether it has a row."""

    rows: pa.RecordBatch
    found: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a stack takes from outside: ``clock`` in UTC microseconds, ``timer`` in seconds, and ``later``, which has something done
    soon in another thread, or not at all (False)."""

    clock: Callable[[], int]
    timer: Callable[[], float]
    later: Callable[[Callable[[], None]], bool]


class CacheStack:
    """The values of one space. Every method may be called from any thread.

    Whatever is given was true no longer ago than the policy's ``ttl`` and ``stale``; and what had changed before a catch-up or an
    invalidation in this process began is not given by anything that begins after its end.
    """

    def __init__(
        self,
        space: Space,
        origin: Origin,
        memory: MemoryLayer,
        shared: Shared | None,
        policy: Policy,
        figures: Figures,
        surroundings: Surroundings,
    ) -> None:
        self._space = space
        self._memory = memory
        self._shared = shared
        self._origin = origin
        self._store = OriginLayer(origin, space, policy, surroundings.clock)
        self._policy = policy
        self._figures = figures
        self._around = surroundings
        self._flights = Flights()
        self._following = Lock()

    @property
    def space(self) -> Space:
        return self._space

    def get_many(self, names: pa.StringArray) -> Found:
        """The values of these names, from the nearest layer that has each. Raises what the origin raises."""
        keys = self._space.keys(names.to_pylist())
        now = self._around.clock()
        started = self._around.timer()
        records = self._memory.get_many(keys)
        fresh, stale = self._usable(records, now)
        missing = (~(fresh | stale)).nonzero()[0].tolist()
        self._note(self._memory.name, started, len(keys) - len(missing), len(missing))
        if stale.any():
            self._figures.happened(self._memory.name, "stale", int(stale.sum()))
            self._refresh([keys[index] for index in stale.nonzero()[0]])
        if missing:
            loaded = self._load([keys[index] for index in missing])
            for index in missing:
                records[index] = loaded[keys[index]]
        return self._found([record for record in records if record is not None])  # none is now

    def invalidate(self, names: Sequence[str], version: int | None = None) -> None:
        """These values have changed, at ``version`` at the latest; the change is there to be read. Every node hears of it."""
        keys = self._space.keys(names)
        if self._shared is not None:
            self._shared.invalidate(keys, self._origin.version() if version is None else version)
        self._forget(keys)

    def heard(self, names: Sequence[str]) -> None:
        """Another node has invalidated these names."""
        self._forget(self._space.keys(names))

    def missed(self) -> None:
        """Invalidations may have passed unheard."""
        try:
            self.catch_up()
        except MailrayError:
            self._forget_all()

    def catch_up(self, *, wait: bool = False) -> None:
        """Learn from the origin what has changed since the last time. Raises what the origin raises.

        Another thread that is already at it is left to it. Whoever must not miss what had changed before this call waits for it, and
        looks once more.
        """
        if not self._following.acquire(blocking=wait):
            return
        try:
            self._follow()
        finally:
            self._following.release()

    def _follow(self) -> None:
        version = self._origin.version()
        known: dict[int, Sequence[str] | None] = {}

        def changed(since: int) -> Sequence[str] | None:
            if since not in known:
                known[since] = self._origin.changed(since, MOST_CHANGED)
            return known[since]

        if self._shared is not None:
            self._shared.catch_up(self._origin.version, changed)
        if version == self._store.seen:
            return
        names = changed(self._store.seen) if version > self._store.seen else None
        if names is None:
            self._forget_all()
        else:
            self._forget(self._space.keys(names))
        self._store.seen = version

    def _found(self, records: Sequence[Record]) -> Found:
        there = heads_of(records)["kind"] == Kind.PRESENT
        rows = records if there.all() else [record for record, good in zip(records, there, strict=True) if good]
        return Found(self._space.rows.unpack(rows), there)

    def _usable(
        self, records: Sequence[Record | None], now: int
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which records are fresh, and which may still be given while they are loaded anew."""
        there = np.array([record is not None for record in records], np.bool_)
        fresh, stale = np.zeros((2, len(records)), np.bool_)
        heads = heads_of([record for record in records if record is not None])
        left = heads["fresh_until"].astype(np.int64) - now
        fresh[there] = (left > 0) & (left <= self._policy.ttl)
        stale[there] = (left <= 0) & (left > -self._policy.stale) & (heads["kind"] == Kind.PRESENT)
        return fresh, stale

    def _refresh(self, keys: Sequence[str]) -> None:
        wanted = [key for key in keys if not self._flights.under_way(key)]
        if wanted and not self._around.later(lambda: self._refreshed(wanted)):
            self._figures.happened(self._memory.name, "refresh put off", len(wanted))

    def _refreshed(self, keys: Sequence[str]) -> None:
        fresh, _ = self._usable(self._memory.get_many(keys), self._around.clock())
        wanted = [key for key, done in zip(keys, fresh, strict=True) if not done]
        if wanted:
            self._load(wanted)

    def _load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """Records of keys that memory has not, or not fresh; what another thread already loads is waited for."""
        flight, others = self._flights.board(dict.fromkeys(keys))
        try:
            records = self._flown(flight) if flight.keys else {}
        except BaseException as fault:
            with self._flights.lock:
                self._flights.land(flight)
            flight.records.set_exception(fault)
            raise
        flight.records.set_result(records)
        self._figures.happened(self._memory.name, "joined", len(others))
        return {**records, **{key: other.records.result()[key] for key, other in others.items()}}

    def _flown(self, flight: Flight) -> dict[str, Record]:
        began = self._around.clock()
        records = self._from_shared(flight.keys, began)
        missing = [key for key in flight.keys if key not in records]
        if missing:
            started = self._around.timer()
            loaded = dict(zip(missing, self._store.get_many(missing), strict=True))
            self._note(self._store.name, started, len(loaded), 0)
            if self._shared is not None and self._around.clock() - began <= LONGEST_LOAD:
                kept = flight.kept(missing)
                self._shared.put_many(kept, [loaded[key] for key in kept])
            records |= loaded
        with self._flights.lock:
            kept = flight.kept(records)
            self._memory.put_many(kept, [records[key] for key in kept])
            self._flights.land(flight)
        return records

    def _from_shared(self, keys: Sequence[str], now: int) -> dict[str, Record]:
        if self._shared is None or not self._shared.open:
            return {}
        started = self._around.timer()
        records = self._shared.get_many(keys)
        fresh, _ = self._usable(records, now)
        found = {key: record for key, record, good in zip(keys, records, fresh, strict=True) if good and record}
        self._note(self._shared.name, started, len(found), len(keys) - len(found))
        return found

    def _forget(self, keys: Sequence[str]) -> None:
        with self._flights.lock:
            self._flights.forget(keys)
            self._memory.invalidate(keys, 0)
        self._figures.happened(self._memory.name, "invalidated", len(keys))

    def _forget_all(self) -> None:
        with self._flights.lock:
            self._flights.forget_all()
            self._memory.clear(self._space.prefix)
        self._figures.happened(self._memory.name, "cleared")

    def _note(self, layer: str, started: float, hits: int, misses: int) -> None:
        self._figures.asked(layer, hits, misses, self._around.timer() - started)
