"""What is let in: each priority into room of its own, so that a flood of one keeps no other out of the schedule, and no workflow all the
others of its priority.

What finds no room waits outside, in the order in which it came, and nothing is dropped. Only when all that is kept is full to the
brim is nothing more accepted, so that nothing is acknowledged that could not be kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.campaign.schema import Priority
from engine.queueing.levels import LEVELS

LEAST = 64
"""Items of a workflow that find room in any case, so that whoever comes late does not wait for those who were there."""


@dataclass(frozen=True, slots=True)
class Room:
    """``scheduled``: items that may be in the schedule besides those few, of which each priority has its share. ``kept``: items that may be
    kept in all, those outside among them."""

    scheduled: int = 100_000
    kept: int = 10_000_000

    def of(self, priority: Priority) -> int:
        return self.scheduled * LEVELS[priority].share // 100

    def free(self, priority: Priority, scheduled: int, own: int) -> int:
        """How many more of a workflow may come into the schedule, in which there are ``scheduled`` of its priority and ``own`` of itself.

        It may have as many as are free besides (dynamic thresholds; Choudhury and Hahne, 1998): one alone takes half, and k come to an
        equal part of k + 1 each.
        """
        return max(0, LEAST - own, (self.of(priority) - scheduled - own) // 2)

    def full(self, kept: int) -> bool:
        """Whether nothing more can be kept."""
        return kept >= self.kept
