"""A new sender begins with few messages a day, and more on each next one, until mailbox providers know it."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

DAY = 86_400_000_000
"""Microseconds."""


class AllowanceStore(Protocol):
    """What was used of daily allowances, for all runs. Days are counted from 1970-01-01 in UTC.

    Raises TryAgainError (MR671) when the store cannot be used now, InputError (MR672) when it is damaged.
    """

    def allot(self, name: str, day: int, most: int, wanted: int) -> int:
        """Take up to ``wanted`` of a day's ``most``, atomically; gives how many there were. Durable when it returns."""

    def give_back(self, name: str, day: int, number: int) -> None:
        """Take less after all."""


@dataclass(frozen=True, slots=True)
class WarmUpPlan:
    """``since`` is the first day; ``daily`` the most messages of each day from then on. Later there is no limit."""

    name: str
    since: int
    daily: tuple[int, ...]

    def most(self, day: int) -> int | None:
        """What may be sent on a day: nothing before the first."""
        if day < self.since:
            return 0
        return self.daily[day - self.since] if day - self.since < len(self.daily) else None


class PartitionWarmUp:
    """The allowance of one partition's messages. ``plans`` are by the number of a group, ``group_of`` is each row's group.

    What a process that dies had taken and not used is lost for that day: never is more sent than the plan says.
    """

    def __init__(self, store: AllowanceStore, plans: Mapping[int, WarmUpPlan], group_of: Sequence[int]) -> None:
        self._store = store
        self._plans = plans
        self._group_of = group_of
        self._taken: dict[int, int] = {}  # the day, by row
        self._unused: deque[tuple[str, int]] = deque()  # plan and day, of messages that were not sent
        self._writing = threading.Lock()

    def reserve(self, rows: Sequence[int], now: int) -> dict[int, int]:
        """Take what these rows need for today; those for which nothing is left, with the instant at which the next day begins."""
        day = now // DAY
        wanting: dict[int, list[int]] = {}
        for row in rows:
            plan = self._plans.get(self._group_of[row])
            if plan is not None and plan.most(day) is not None and self._taken.get(row) != day:
                wanting.setdefault(self._group_of[row], []).append(row)
        left: dict[int, int] = {}
        for group, some in wanting.items():
            plan = self._plans[group]
            given = self._store.allot(plan.name, day, plan.most(day) or 0, len(some))
            for row in some[:given]:
                self.settle(row, sent=False)
                self._taken[row] = day
            left.update(dict.fromkeys(some[given:], (day + 1) * DAY))
        return left

    def reserved(self, row: int, now: int) -> bool:
        plan = self._plans.get(self._group_of[row])
        return plan is None or self._taken.get(row) == now // DAY or plan.most(now // DAY) is None

    def settle(self, row: int, *, sent: bool) -> None:
        """To be written down by the next ``flush``; nothing for a row that has taken nothing."""
        day = self._taken.pop(row, None)
        if day is not None and not sent:
            self._unused.append((self._plans[self._group_of[row]].name, day))

    def flush(self) -> None:
        """Give back what was not used."""
        with self._writing:
            unused = Counter(self._unused.popleft() for _ in range(len(self._unused)))
            while unused:
                (name, day), number = unused.popitem()
                try:
                    self._store.give_back(name, day, number)
                except BaseException:
                    unused[name, day] = number
                    self._unused.extend(unused.elements())
                    raise

    def release(self) -> None:
        """Give back all that was taken and not settled."""
        for row in [*self._taken]:
            self.settle(row, sent=False)
        self.flush()
