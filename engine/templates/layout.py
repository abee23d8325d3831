"""Where pieces go: the shape of a frame's texts, and the one pass that writes every piece id to its place.

Statements give a layout, from the leaves up: how many pieces each row has. Then, from the root down, each id is written once, at its
final place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.templates.values import Rows

Counts: TypeAlias = int | npt.NDArray[np.int32]
Places: TypeAlias = npt.NDArray[np.int64]
Ids: TypeAlias = npt.NDArray[np.int32]


@dataclass
class Layout:
    """Items one after the other in every row: a static's id, ids (one a row), or something of varying length."""

    n: int
    items: list[int | Ids | Branches | Items] = field(default_factory=list)

    def counts(self) -> Counts:
        """Pieces in each row, or one number for all."""
        total: Any = 0
        for item in self.items:
            total = total + (item.counts if isinstance(item, Branches | Items) else 1)
        return total  # type: ignore[no-any-return]

    def place(self, at: Places, out: Ids) -> None:
        """Write the ids; row i's first piece goes to ``at[i]``."""
        offset = 0
        for item in self.items:
            if isinstance(item, Branches | Items):
                if offset:
                    at, offset = at + offset, 0
                item.place(at, out)
                if isinstance(item.counts, int):
                    offset = item.counts
                else:
                    at = at + item.counts
            else:
                out[at + offset if offset else at] = item
                offset += 1


@dataclass
class Branches:
    """Layouts of some of the rows each; rows None is all."""

    arms: list[tuple[Rows | None, Layout]]
    counts: Counts

    @classmethod
    def of(cls, n: int, arms: list[tuple[Rows | None, Layout]]) -> Branches:
        if len(arms) == 1 and arms[0][0] is None:
            return cls(arms, arms[0][1].counts())
        counts = np.zeros(n, np.int32)
        for rows, layout in arms:
            if rows is None:
                counts += layout.counts()
            else:
                counts[rows] += layout.counts()
        return cls(arms, counts)

    def place(self, at: Places, out: Ids) -> None:
        for rows, layout in self.arms:
            layout.place(at if rows is None else at[rows], out)


@dataclass
class Items:
    """A layout with ``lengths[i]`` rows for row i, in order."""

    lengths: npt.NDArray[np.int64]
    layout: Layout
    counts: Counts
    each: Counts

    @classmethod
    def of(cls, lengths: npt.NDArray[np.int64], layout: Layout) -> Items:
        each = layout.counts()
        if isinstance(each, int):
            return cls(lengths, layout, (lengths * each).astype(np.int32), each)
        ends = np.cumsum(lengths)
        running = np.zeros(len(each) + 1, np.int64)
        np.cumsum(each, out=running[1:])
        return cls(lengths, layout, (running[ends] - running[ends - lengths]).astype(np.int32), each)

    def place(self, at: Places, out: Ids) -> None:
        firsts = np.cumsum(self.lengths) - self.lengths
        if isinstance(self.each, int):
            before: Any = np.arange(self.layout.n, dtype=np.int64) * self.each
            shift = at - firsts * self.each
        else:
            before = np.cumsum(self.each, dtype=np.int64) - self.each
            known = np.append(before, 0)  # a row without items may have no next item to ask
            shift = at - known[firsts]
        self.layout.place(before + np.repeat(shift, self.lengths), out)


def written(layout: Layout) -> tuple[Ids, npt.NDArray[np.int64]]:
    """All ids, row after row, and where each row's begin (n + 1)."""
    counts = layout.counts()
    offsets = np.zeros(layout.n + 1, np.int64)
    if isinstance(counts, int):
        np.multiply(np.arange(layout.n + 1), counts, out=offsets)
    else:
        np.cumsum(counts, out=offsets[1:])
    out = np.empty(int(offsets[-1]), np.int32)
    layout.place(offsets[:-1], out)
    return out, offsets
