"""When a queue is too deep: by the time that its oldest item has waited, and told once until it has passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.campaign.schema import Priority
from engine.queueing.levels import LEVELS, Level

RAISED, CLEARED = 0.8, 0.4
"""Parts of a priority's longest wait: from the first on there is an alarm, below the second it has passed."""


@dataclass(frozen=True, slots=True)
class DepthAlarm:
    """``waited``: microseconds that the next item has waited; ``depth``: how many wait; ``raised`` is False when it has passed."""

    priority: Priority
    raised: bool
    waited: int
    depth: int


@dataclass(slots=True)
class DepthAlarms:
    levels: Mapping[Priority, Level] = field(default_factory=lambda: LEVELS)
    _raised: set[Priority] = field(default_factory=set)

    def look(self, depths: Mapping[Priority, int], oldest: Mapping[Priority, int], now: int) -> list[DepthAlarm]:
        """What has changed: ``depths`` and ``oldest`` are a scheduler's, ``now`` is UTC microseconds."""
        changed = []
        for priority, level in self.levels.items():
            waited = max(0, now - oldest[priority]) if priority in oldest else 0
            raised = waited >= (CLEARED if priority in self._raised else RAISED) * level.wait
            if raised != (priority in self._raised):
                self._raised ^= {priority}
                changed.append(DepthAlarm(priority, raised, waited, depths.get(priority, 0)))
        return changed
