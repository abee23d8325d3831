"""How long work would wait in the queue, by minute and priority, for a capacity.

A fluid takes the items' place. ``engine.queueing.scheduler`` gives each priority that has something waiting its share of a round, so
the fluid flows off in proportion to the shares of those that wait (generalised processor sharing: Parekh and Gallager, 1993). All that
comes in a minute is there at its beginning, so waits are told too long rather than too short.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.campaign.schema import Priority
from engine.queueing.levels import LEVELS

CAPACITY = 2_000
"""Items a second."""
PRIORITIES = tuple(Priority)
_SHARES = np.array([[LEVELS[each].share] for each in PRIORITIES], dtype=np.float64)
Amounts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PriorityLoad:
    """``items`` in all and the most of them in a minute, the longest wait in seconds, and the most that waited at the end of a minute."""

    items: int
    peak: int
    longest: float
    deepest: int

    @property
    def as_dict(self) -> dict[str, Any]:
        return {
            "items": self.items,
            "most_in_a_minute": self.peak,
            "longest_wait_seconds": round(self.longest, 3),
            "most_waiting": self.deepest,
        }


@dataclass(frozen=True, slots=True)
class Load:
    """``backlog`` and ``waits`` (seconds; of what came then) are by priority and minute."""

    of: Mapping[Priority, PriorityLoad]
    backlog: Amounts
    waits: Amounts


def flow(items: npt.NDArray[np.int64], capacity: int) -> Load:
    """``items`` (5, minutes): how many come in each minute, by priority; ``capacity``: how many are worked on in a second."""
    room = 60.0 * capacity
    minutes = items.shape[1]
    drained = np.minimum(_drained(items.astype(np.float64), room), 1.0)
    backlog = np.zeros(items.shape)
    after: list[tuple[Amounts, Amounts]] = []  # minutes behind the last
    left = np.zeros((len(PRIORITIES), 1))
    busy = np.flatnonzero(items.sum(axis=0) > room)
    minute = int(busy[0]) if len(busy) else minutes
    while minute < minutes or left.any():
        there = left + (items[:, minute : minute + 1] if minute < minutes else 0.0)
        until = np.minimum(_drained(there, room), 1.0)
        left = _left(there, room)
        if minute < minutes:
            drained[:, minute], backlog[:, minute] = until[:, 0], left[:, 0]
        else:
            after.append((until, left))
        minute += 1
        if not left.any() and minute < minutes:
            ahead = np.searchsorted(busy, minute)
            minute = int(busy[ahead]) if ahead < len(busy) else minutes
    drained = np.concatenate([drained, *(until for until, _ in after)], axis=1)
    backlogs = np.concatenate([backlog, *(each for _, each in after)], axis=1)
    waits = np.stack([_waits(*each) for each in zip(items, backlogs, drained, strict=True)])
    return Load(
        {each: _told(items[place], backlog[place], waits[place]) for place, each in enumerate(PRIORITIES)},
        backlog,
        waits,
    )


def _drained(there: Amounts, room: float) -> Amounts:
    """For amounts (5, n) that are there at the beginning, when the last of each priority has flowed off, in minutes."""
    level = there / _SHARES
    order = np.argsort(level, axis=0)
    levels = np.take_along_axis(level, order, axis=0)
    open_shares = np.cumsum(np.take_along_axis(np.broadcast_to(_SHARES, level.shape), order, axis=0)[::-1], axis=0)[
        ::-1
    ]
    times = np.cumsum(np.diff(levels, axis=0, prepend=0.0) * open_shares / room, axis=0)
    found = np.empty_like(times)
    np.put_along_axis(found, order, times, axis=0)
    return found


def _left(there: Amounts, room: float) -> Amounts:
    """What of amounts (5, 1) is left after a minute."""
    if there.sum() <= room:
        return np.zeros_like(there)
    levels = np.sort((there / _SHARES)[:, 0])
    times = np.sort(_drained(there, room)[:, 0])
    level = np.interp(1.0, np.append(0.0, times), np.append(0.0, levels))
    left: Amounts = np.maximum(there - _SHARES * level, 0.0)
    left[left < 1e-6] = 0.0
    return left


def _waits(items: npt.NDArray[np.int64], backlog: Amounts, drained: Amounts) -> Amounts:
    """How many seconds the last of those of each minute waits; they go in the order in which they came."""
    came = np.cumsum(items)
    served = np.append(came, np.full(len(backlog) - len(items), came[-1] if len(came) else 0)) - backlog
    served = np.maximum.accumulate(served)
    here = np.flatnonzero(items)
    at = np.searchsorted(served, came[here] - 1e-6)
    before = np.where(at > 0, served[at - 1], 0.0)
    part = (came[here] - before) / np.maximum(served[at] - before, 1e-9)
    waits = np.zeros(len(items))
    waits[here] = 60.0 * (at + part * drained[at] - here)
    return waits


def _told(items: npt.NDArray[np.int64], backlog: Amounts, waits: Amounts) -> PriorityLoad:
    peak, longest, deepest = (float(each.max(initial=0)) for each in (items, waits, backlog))
    return PriorityLoad(int(items.sum()), int(peak), longest, int(np.ceil(deepest)))
