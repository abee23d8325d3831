"""Who is next: the earliest deadline among the priorities that have credit left, and within a priority each tenant in turn.

Strict priority starves, and deadlines alone isolate nobody in an overload: whoever floods makes all deadlines pass. So each
priority may take its share of a round before others take more (weights as in Shreedhar and Varghese, Efficient Fair Queuing Using
Deficit Round Robin, 1995), and inside that bound the earliest deadline goes first.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from engine.campaign.schema import Priority
from engine.queueing.levels import LEVELS, Level

ROUND = 5
"""Items of a round for each hundredth of a share: enough for a small batch to be taken at once, and in all a moment's work even where
little can be done, for shares hold over some rounds."""


class Item(NamedTuple):
    """What waits. ``id`` is the queue's own and rises with each arrival; instants are UTC microseconds."""

    deadline: int
    id: int
    priority: Priority
    tenant: str
    workflow: str
    user_id: str
    arrived: int


Most = Callable[[str], int]
"""How many items of a workflow may be taken now."""
_Name = Callable[[Item], str]
_SUBQUEUES: tuple[_Name, ...] = (lambda item: item.tenant, lambda item: item.workflow)


class Scheduler:
    """Items in the order in which they are to be worked on. For one thread."""

    def __init__(self, levels: Mapping[Priority, Level] = LEVELS) -> None:
        self._shares = {priority: level.share * ROUND for priority, level in levels.items()}
        self._credits = dict(self._shares)
        self._lanes = {priority: _InTurn(*_SUBQUEUES) for priority in levels}

    def add(self, items: Iterable[Item]) -> None:
        for item in items:
            self._lanes[item.priority].push(item)

    def take(self, most: Most) -> list[Item]:
        """The next item and, behind it, others of the same priority, tenant and workflow: together they are worked on in less time. They
        wait no longer. A workflow of which none may be taken is stepped over; empty when there is no other."""
        found = {priority: lane.head(most) for priority, lane in self._lanes.items()}
        heads = {priority: head for priority, head in found.items() if head is not None}
        if not heads:
            return []
        priority = self._next(heads)
        taken = self._lanes[priority].pop(heads[priority], most)
        self._credits[priority] -= len(taken)
        return taken

    def has_credit(self, priority: Priority) -> bool:
        """Whether a priority has some of its share of this round left."""
        return self._credits[priority] > 0

    def depths(self) -> dict[Priority, int]:
        """How many wait, by priority."""
        return {priority: lane.size for priority, lane in self._lanes.items()}

    def oldest(self) -> dict[Priority, int]:
        """When the item arrived that is next of each priority that has any."""
        heads = {priority: lane.head(lambda _: 1) for priority, lane in self._lanes.items()}
        return {priority: head.arrived for priority, head in heads.items() if head is not None}

    def _next(self, heads: Mapping[Priority, Item]) -> Priority:
        """A round ends when all that wait are out of credit. Nobody saves credit up while nothing of theirs waits; whoever has taken
        more than was left, for a batch is taken whole, has it taken off what the next rounds give."""
        if all(self._credits[priority] <= 0 for priority in heads):
            rounds = min(-self._credits[priority] // self._shares[priority] + 1 for priority in heads)
            self._credits = {
                priority: min(share, self._credits[priority] + rounds * share)
                for priority, share in self._shares.items()
            }
        able = (priority for priority in heads if self._credits[priority] > 0)
        return min(able, key=lambda priority: heads[priority][:2])


class _ByDeadline:
    """One workflow's items: a heap by deadline and arrival."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[Item] = []

    @property
    def size(self) -> int:
        return len(self._heap)

    def push(self, item: Item) -> None:
        heapq.heappush(self._heap, item)

    def head(self, most: Most) -> Item | None:
        return self._heap[0] if most(self._heap[0].workflow) > 0 else None

    def pop(self, first: Item, most: Most) -> list[Item]:
        return [heapq.heappop(self._heap) for _ in range(min(most(first.workflow), len(self._heap)))]


class _InTurn:
    """Lanes below one: the turn is that one's of which the fewest have been taken. A lane that comes in begins where the others are, and
    one that has run empty gives its turn up."""

    __slots__ = ("_lanes", "_names", "_taken", "size")

    def __init__(self, *names: _Name) -> None:
        self._names = names  # of an item's lane, level by level
        self._lanes: dict[str, _InTurn | _ByDeadline] = {}
        self._taken: dict[str, int] = {}
        self.size = 0

    def push(self, item: Item) -> None:
        name = self._names[0](item)
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _InTurn(*self._names[1:]) if self._names[1:] else _ByDeadline()
            self._taken[name] = min(self._taken.values(), default=0)
        lane.push(item)
        self.size += 1

    def head(self, most: Most) -> Item | None:
        turns = []
        for name, lane in self._lanes.items():
            if (head := lane.head(most)) is not None:
                turns.append((self._taken[name], head))
        return min(turns)[1] if turns else None

    def pop(self, first: Item, most: Most) -> list[Item]:
        name = self._names[0](first)
        lane = self._lanes[name]
        taken = lane.pop(first, most)
        self.size -= len(taken)
        self._taken[name] += len(taken)
        if not lane.size:
            del self._lanes[name], self._taken[name]
        return taken
