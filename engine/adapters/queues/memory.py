"""A queue in one process's memory, for simulations and tests: nothing outlives it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count, islice
from typing import Any

import pyarrow as pa

from engine.adapters.queues.rows import fields, taken
from engine.campaign.schema import Priority


class MemoryQueue:
    """``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._tickets = count()
        self._there: dict[Priority, dict[str, tuple[Any, ...]]] = {priority: {} for priority in Priority}
        self._names: set[tuple[str, str]] = set()
        self._since: dict[str, float] = {}

    def put(self, items: pa.RecordBatch) -> int:
        new = 0
        with self._mutex:
            for row in fields(items):
                name = (row[1], row[0])
                if name not in self._names:
                    self._names.add(name)
                    self._there[Priority(row[3])][str(next(self._tickets))] = row
                    new += 1
        return new

    def take(self, priority: Priority, most: int, lapse: float) -> pa.RecordBatch:
        with self._mutex:
            now = self._clock()
            free = (
                (*row, ticket)
                for ticket, row in self._there[priority].items()
                if self._since.get(ticket, now - lapse) <= now - lapse
            )
            found = list(islice(free, most))
            self._since.update((row[-1], now) for row in found)
        return taken(found)

    def hold(self, tickets: Sequence[str]) -> None:
        with self._mutex:
            now = self._clock()
            self._since.update((ticket, now) for ticket in tickets if ticket in self._since)

    def done(self, tickets: Sequence[str]) -> int:
        with self._mutex:
            return sum(self._remove(ticket) for ticket in tickets)

    def depths(self) -> dict[Priority, int]:
        with self._mutex:
            return {priority: len(there) for priority, there in self._there.items()}

    def close(self) -> None:
        pass

    def _remove(self, ticket: str) -> bool:
        self._since.pop(ticket, None)
        for there in self._there.values():
            if (row := there.pop(ticket, None)) is not None:
                self._names.discard((row[1], row[0]))
                return True
        return False
