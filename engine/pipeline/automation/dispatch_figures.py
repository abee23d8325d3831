"""What the dispatcher tells of itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.campaign.schema import Priority
from engine.queueing.levels import LEVELS

_STEPS = 8  # of each doubling: a quantile is told too high by less than a tenth
_BUCKETS = 42 * _STEPS  # up to 50 days
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600)
"""Upper bounds of the classes of waits, in seconds, the levels' own among them; the last class has none."""
_BOUNDS = np.array([round(each * 1_000_000) for each in BOUNDS])


@dataclass(slots=True)
class Waits:
    """How long items have waited until they were worked on, in buckets that grow; and how many of them for longer than their level says.
    ``total`` is their waits together, in microseconds; ``classes`` counts them by BOUNDS."""

    missed: int = 0
    total: int = 0
    classes: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BOUNDS) + 1, np.int64))
    _counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BUCKETS, np.int64))

    @property
    def count(self) -> int:
        return int(self._counts.sum())

    def add(self, waited: npt.NDArray[np.int64], level: int) -> None:
        """Microseconds; ``level`` is the longest that they may wait."""
        bucket = np.floor(np.log2(np.maximum(waited, 1)) * _STEPS).astype(np.int64)
        np.add.at(self._counts, np.minimum(bucket, _BUCKETS - 1), 1)
        self.classes += np.bincount(np.searchsorted(_BOUNDS, waited), minlength=len(self.classes))
        self.total += int(np.maximum(waited, 0).sum())
        self.missed += int(np.count_nonzero(waited > level))

    def quantile(self, part: float) -> int | None:
        """Microseconds, rounded up to the end of a bucket; None if nothing has waited yet."""
        if not self.count:
            return None
        place = int(np.searchsorted(np.cumsum(self._counts), max(1, math.ceil(part * self.count))))
        return math.ceil(2 ** ((place + 1) / _STEPS))


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """Of a priority: items and executions that wait in the schedule and that are in work, and items that wait outside, as of the last look;
    how many were handed out, how many of them later than their level says, and their waits in microseconds, ``waits`` by BOUNDS.
    ``next_since``: since when the next one waits (UTC microseconds), if one does."""

    scheduled: int
    in_work: int
    outside: int
    handed_out: int
    missed: int
    median_wait: int | None
    p99_wait: int | None
    total_wait: int
    waits: Sequence[int]
    next_since: int | None


def level_figures(
    here: Mapping[Priority, int],
    in_work: Mapping[Priority, int],
    outside: Mapping[Priority, int],
    waits: Mapping[Priority, Waits],
    oldest: Mapping[Priority, int],
) -> dict[Priority, LevelFigures]:
    return {
        each: LevelFigures(
            *(here[each] - in_work[each], in_work[each], outside[each], waits[each].count, waits[each].missed),
            *(waits[each].quantile(0.5), waits[each].quantile(0.99), waits[each].total, waits[each].classes.tolist()),
            next_since=oldest.get(each),
        )
        for each in LEVELS
    }
