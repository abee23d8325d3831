"""How many items are worked on at once: as many as can be done within a target time, as far as that pays.

A batch costs something however small it is (questions to a store, commits) and something for each item. Both are estimated from the
batches of late, by least squares with weights that fade. Where the first alone comes near the target, smaller batches would only do
less in the same time; so a batch is never so small that most of its time is not its items'.
"""

from __future__ import annotations

from dataclasses import dataclass

FADE = 0.2
"""Weight of the last batch among all before."""
WORTH = 3.0
"""How many times a batch's items cost what the batch costs without them, at least: three quarters of the highest throughput."""


@dataclass(slots=True)
class BatchSize:
    """``target``: seconds that a batch may take. ``size``: items in the next one, between ``least`` and ``most``; it changes at most by
    the factor two at a time."""

    target: float
    least: int = 16
    most: int = 8_192
    size: int = 256
    _items: float = 0.0
    _seconds: float = 0.0
    _spread: float = 0.0
    _common: float = 0.0

    def learn(self, items: int, seconds: float) -> None:
        """A batch of so many items took so long."""
        if not items:
            return
        weight = FADE if self._items else 1.0
        more, longer = items - self._items, seconds - self._seconds
        self._items += weight * more
        self._seconds += weight * longer
        if weight < 1.0:
            self._spread = (1 - weight) * (self._spread + weight * more * more)
            self._common = (1 - weight) * (self._common + weight * more * longer)
        whole = self._seconds / self._items
        each = min(max(self._common / self._spread, whole / 100), whole) if self._spread else whole
        fixed = self._seconds - each * self._items
        wanted = max(self.target - fixed, WORTH * fixed) / max(each, 1e-9)
        self.size = round(min(max(wanted, self.size / 2, self.least), self.size * 2, self.most))
