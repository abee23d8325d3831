"""How many items are worked on at once: as many as can be done within a target time, found by trying.

Additive increase and multiplicative decrease: a batch that took longer than the target halves the size, a full one that took less
lets it grow by a step. A batch that was not full says nothing about larger ones.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class BatchSize:
    """``target``: seconds that a batch may take. ``size``: items in the next one, between ``least`` and ``most``."""

    target: float
    least: int = 16
    most: int = 8_192
    step: int = 64
    size: int = 256

    def learn(self, items: int, seconds: float) -> None:
        """A batch of so many items took so long."""
        if seconds > self.target:
            self.size = max(self.least, min(self.size, items) // 2)
        elif items >= self.size:
            self.size = min(self.most, self.size + self.step)
