"""What is to be delivered now, and what again later."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from engine.pipeline.work import DeliveryWork

LEAST_REST = 1_000_000  # microseconds: what is due at once is not asked for without end


class Agenda:
    """Partitions in their order, then those that are due again. Times are UTC microseconds."""

    def __init__(self, works: Iterable[DeliveryWork]) -> None:
        self._first = deque(works)
        self._again: list[tuple[int, int, DeliveryWork]] = []

    def __len__(self) -> int:
        return len(self._first) + len(self._again)

    @property
    def next_due(self) -> int | None:
        """When the first of those that come again is due; None while there is something that has not been begun, or nothing at all."""
        return None if self._first or not self._again else self._again[0][0]

    def take(self, now: int) -> DeliveryWork | None:
        """A work that may be begun now: one that is due again goes before one that was never begun."""
        if self._again and self._again[0][0] <= now:
            return heapq.heappop(self._again)[2]
        return self._first.popleft() if self._first else None

    def again(self, work: DeliveryWork, due: int, now: int) -> None:
        heapq.heappush(self._again, (max(due, now + LEAST_REST), work.number, work))
