"""The five service levels: how long an item of a priority may wait, and the share of the work that it is sure of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.campaign.schema import Priority

SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Level:
    """``wait``: microseconds from an item's arrival to its deadline. ``share``: of every hundred items that are worked on while all
    priorities have some waiting."""

    wait: int
    share: int


LEVELS: Mapping[Priority, Level] = MappingProxyType(
    {
        Priority.CRITICAL: Level(1 * SECOND, 30),
        Priority.HIGH: Level(60 * SECOND, 25),
        Priority.NORMAL: Level(300 * SECOND, 20),
        Priority.LOW: Level(900 * SECOND, 10),
        Priority.BATCH: Level(3_600 * SECOND, 15),
    }
)
"""A cycle of BATCH is an hour. The shares are those with which a flood of critical items, a third above what can be worked on,
delays nobody else beyond a few seconds."""


def deadline(priority: Priority, arrived: int) -> int:
    """By when an item that arrived at an instant (UTC microseconds) is to be worked on."""
    return arrived + LEVELS[priority].wait
