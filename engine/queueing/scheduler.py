"""Who is next: the earliest deadline among the priorities that have credit left, and within a priority each tenant in turn.

Strict priority starves, and deadlines alone isolate nobody in an overload: whoever floods makes all deadlines pass. So each
priority may take its share of a round before others take more (weights as in Shreedhar and Varghese, Efficient Fair Queuing Using
Deficit Round Robin, 1995), and inside that bound the earliest deadline goes first.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from engine.campaign.schema import Priority
from engine.queueing.levels import LEVELS, Level


class Item(NamedTuple):
    """What waits. ``id`` is the queue's own and rises with each arrival; instants are UTC microseconds."""

    deadline: int
    id: int
    priority: Priority
    tenant: str
    workflow: str
    user_id: str
    arrived: int


_Name = Callable[[Item], str]
_SUBQUEUES: tuple[_Name, ...] = (lambda item: item.tenant, lambda item: item.workflow)


class Scheduler:
    """Items in the order in which they are to be worked on. For one thread."""

    def __init__(self, levels: Mapping[Priority, Level] = LEVELS) -> None:
        self._shares = {priority: level.share for priority, level in levels.items()}
        self._credits = dict(self._shares)
        self._lanes = {priority: _InTurn(*_SUBQUEUES) for priority in levels}

    def add(self, items: Iterable[Item]) -> None:
        for item in items:
            self._lanes[item.priority].push(item)

    def take(self, most: int) -> list[Item]:
        """The next items, at most so many; they wait no longer."""
        taken: list[Item] = []
        while len(taken) < most and (priority := self._next()) is not None:
            self._credits[priority] -= 1
            taken.append(self._lanes[priority].pop())
        return taken

    def depths(self) -> dict[Priority, int]:
        """How many wait, by priority."""
        return {priority: lane.size for priority, lane in self._lanes.items()}

    def oldest(self) -> dict[Priority, int]:
        """When the item arrived that is next of each priority that has any."""
        return {priority: lane.head().arrived for priority, lane in self._lanes.items() if lane.size}

    def _next(self) -> Priority | None:
        """A round ends when all that wait are out of credit; nobody saves credit up while nothing of theirs waits."""
        waiting = [priority for priority, lane in self._lanes.items() if lane.size]
        if not waiting:
            return None
        able = [priority for priority in waiting if self._credits[priority] > 0]
        if not able:
            self._credits = dict(self._shares)
            able = waiting
        return min(able, key=lambda priority: self._lanes[priority].head()[:2])


class _InTurn:
    """Lanes below one, each in turn; a lane that has run empty gives its turn up. The last level is a heap by deadline and arrival."""

    __slots__ = ("_lanes", "_names", "_turns", "size")

    def __init__(self, *names: _Name) -> None:
        self._names = names  # of an item's lane, level by level
        self._lanes: dict[str, _InTurn | _ByDeadline] = {}
        self._turns: deque[str] = deque()
        self.size = 0

    def push(self, item: Item) -> None:
        name = self._names[0](item)
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _InTurn(*self._names[1:]) if self._names[1:] else _ByDeadline()
            self._turns.append(name)
        lane.push(item)
        self.size += 1

    def head(self) -> Item:
        return self._lanes[self._turns[0]].head()

    def pop(self) -> Item:
        name = self._turns[0]
        lane = self._lanes[name]
        item = lane.pop()
        self.size -= 1
        if lane.size:
            self._turns.rotate(-1)
        else:
            self._turns.popleft()
            del self._lanes[name]
        return item


class _ByDeadline:
    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[Item] = []

    @property
    def size(self) -> int:
        return len(self._heap)

    def push(self, item: Item) -> None:
        heapq.heappush(self._heap, item)

    def head(self) -> Item:
        return self._heap[0]

    def pop(self) -> Item:
        return heapq.heappop(self._heap)
