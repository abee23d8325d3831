"""A queue in one process's memory, for simulations and tests: nothing outlives it."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import chain, count, islice

import pyarrow as pa

from engine.adapters.queues.rows import Row, fields, taken
from engine.campaign.schema import Priority


class MemoryQueue:
    """``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._tickets = count()
        self._there: dict[str, Row] = {}
        self._names: set[tuple[str, str]] = set()
        self._fresh: defaultdict[tuple[str, str], dict[str, Row]] = defaultdict(dict)  # of a workflow, by ticket
        self._taken: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)  # when, or held last

    def put(self, items: pa.RecordBatch) -> int:
        new = 0
        with self._mutex:
            for row in fields(items):
                name = (row[1], row[0])
                if name not in self._names:
                    self._names.add(name)
                    ticket = str(next(self._tickets))
                    self._there[ticket] = self._fresh[_lane(row)][ticket] = row
                    new += 1
        return new

    def take(self, tenant: str, workflow: str, most: int, lapse: float) -> pa.RecordBatch:
        with self._mutex:
            now, taken_before = self._clock(), self._taken[tenant, workflow]
            lapsed = sorted((ticket for ticket, since in taken_before.items() if since <= now - lapse), key=int)
            tickets = [*islice(chain(lapsed, self._fresh[tenant, workflow]), most)]
            for ticket in tickets:
                self._fresh[tenant, workflow].pop(ticket, None)
                taken_before[ticket] = now
            return taken([(*self._there[ticket], ticket) for ticket in tickets])

    def hold(self, tickets: Sequence[str]) -> None:
        with self._mutex:
            now = self._clock()
            for ticket in tickets:
                if ticket in self._there and ticket in self._taken[_lane(self._there[ticket])]:
                    self._taken[_lane(self._there[ticket])][ticket] = now

    def done(self, tickets: Sequence[str]) -> int:
        with self._mutex:
            return sum(self._remove(ticket) for ticket in tickets)

    def depths(self, tenant: str) -> dict[Priority, int]:
        with self._mutex:
            found = Counter(row[3] for row in self._there.values() if row[1] == tenant)
            return {priority: found[priority.value] for priority in Priority}

    def close(self) -> None:
        pass

    def _remove(self, ticket: str) -> bool:
        row = self._there.pop(ticket, None)
        if row is None:
            return False
        self._names.discard((row[1], row[0]))
        self._fresh[_lane(row)].pop(ticket, None)
        self._taken[_lane(row)].pop(ticket, None)
        return True


def _lane(row: Row) -> tuple[str, str]:
    return row[1], row[2]
