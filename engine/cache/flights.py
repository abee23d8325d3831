"""Who is loading what at this moment: nobody loads a key that another already loads, and what changes meanwhile is not kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from threading import Lock

from engine.cache.layer import Record


class Flight:
    """One load of several keys. ``stale`` are those that were invalidated after it began."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        self.stale: set[str] = set()
        self.everything_stale = False
        self.records: Future[Mapping[str, Record]] = Future()

    def kept(self, keys: Iterable[str]) -> list[str]:
        """For which of these keys what it brings may be kept: for others it may be old, and is for those who have asked before."""
        return [] if self.everything_stale else [key for key in keys if key not in self.stale]


class Flights:
    """The loads under way. ``lock`` is held by whoever keeps what a flight brought, so that no invalidation comes in between."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._by_key: dict[str, Flight] = {}

    def board(self, keys: Iterable[str]) -> tuple[Flight, dict[str, Flight]]:
        """A flight of one's own for keys that nobody loads, to be landed in any case, and whose flight brings each other key."""
        with self.lock:
            others = {key: self._by_key[key] for key in keys if key in self._by_key}
            own = Flight([key for key in keys if key not in others])
            self._by_key.update(dict.fromkeys(own.keys, own))
        return own, others

    def under_way(self, key: str) -> bool:
        return key in self._by_key

    def forget(self, keys: Iterable[str]) -> None:
        """These keys have changed: who asks from now on loads again. The lock is held."""
        for key in keys:
            flight = self._by_key.pop(key, None)
            if flight is not None:
                flight.stale.add(key)

    def forget_all(self) -> None:
        """Anything may have changed. The lock is held."""
        for flight in self._by_key.values():
            flight.everything_stale = True
        self._by_key.clear()

    def land(self, flight: Flight) -> None:
        """The flight is over. The lock is held."""
        for key in flight.keys:
            if self._by_key.get(key) is flight:
                del self._by_key[key]
