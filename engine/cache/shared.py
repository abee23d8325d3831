"""The shared layer as far as it can be believed: left out when it fails, and asked again only after it has learned what it missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TypeAlias

from engine.cache.breaker import Breaker
from engine.cache.figures import Figures
from engine.cache.layer import LayerDownError, Marks, Record, SharedLayer
from engine.cache.records import heads_of
from engine.cache.space import Space

Changed: TypeAlias = Callable[[int], Sequence[str] | None]


class Shared:
    """A shared layer behind a breaker. Nothing here raises LayerDownError.

    It answers between a catch-up that succeeded and the next failure. One that could not be told of an invalidation is therefore
    not read until a catch-up has repeated it; and only catch-ups try one that has failed, so that no caller waits for it.
    """

    def __init__(self, layer: SharedLayer, space: Space, breaker: Breaker, figures: Figures) -> None:
        self.name = layer.name
        self._layer = layer
        self._space = space
        self._breaker = breaker
        self._figures = figures
        self._lock = Lock()
        self._failures = 0
        self._floor = 0
        self.open = False

    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        """Records that are not known to be outdated; they may have expired, as those that an invalidation leaves always have."""
        if not self.open:
            return [None] * len(keys)
        try:
            records = self._layer.get_many(keys)
        except LayerDownError:
            self._failed()
            return [None] * len(keys)
        found = [index for index, record in enumerate(records) if record is not None]
        heads = heads_of([record for record in records if record is not None])
        for index in (heads["version"] < self._floor).nonzero()[0]:
            records[found[index]] = None
        return records

    def put_many(self, keys: Sequence[str], records: Sequence[Record]) -> None:
        if self.open and keys:
            try:
                self._layer.put_many(keys, records)
            except LayerDownError:
                self._failed()

    def invalidate(self, keys: Sequence[str], version: int) -> None:
        """Forget older records here, and let every node know. Where that fails, the next catch-up does it."""
        if self.open:
            try:
                self._layer.invalidate(keys, version)
                self._layer.announce(self._space.prefix, self._space.names(keys))
            except LayerDownError:
                self._failed()

    def catch_up(self, current: Callable[[], int], changed: Changed) -> None:
        """Bring the layer up with the origin: ``current`` gives its version, ``changed`` the names that have changed since an earlier
        one. Raises what they raise."""
        failures = self._failures
        if not self._breaker.due:
            return
        try:
            marks = self._advance(current, changed)
        except LayerDownError:
            self._failed()
            return
        with self._lock:
            self._floor = marks.floor
            if failures == self._failures:  # nothing has been missed meanwhile
                self._breaker.succeeded()
                self.open = True

    def _advance(self, current: Callable[[], int], changed: Changed) -> Marks:
        prefix = self._space.prefix
        marks = self._layer.marks(prefix)
        version = current()  # after the marks: of no origin that only goes forward are they ahead of this
        if marks is not None and marks.caught == version:
            return marks
        if marks is not None and marks.caught > version:  # it was restored from a copy, or is another one
            self._layer.clear(prefix)
            marks = None
        names = None if marks is None else changed(marks.caught)
        if marks is None or names is None:  # too much to go through, or nobody knows what: nothing older counts
            marks = Marks(version, version)
        else:
            self._layer.invalidate(self._space.keys(names), version)
            marks = Marks(version, marks.floor)
        self._layer.mark(prefix, marks)
        return marks

    def _failed(self) -> None:
        self._figures.happened(self.name, "failed")
        with self._lock:
            self._failures += 1
            self.open = False
            self._breaker.failed()
