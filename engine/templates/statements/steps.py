"""Steps: what a compiled statement does to a frame of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jinja2 import Environment

from engine.templates.expressions.access import missing_attribute, owner_of, space_key
from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.layout import Branches, Layout
from engine.templates.merging import stacked
from engine.templates.scope import Space
from engine.templates.statements.holes import Item, Table
from engine.templates.truth import truth
from engine.templates.values import Rows, Value, bad_rows, gather, within


class Step(Protocol):
    def run(self, frame: Frame, items: list[Item]) -> None:
        """Add what the step prints on the frame's rows, and mark the rows on which it raises."""


def run_body(body: Sequence[Step], frame: Frame) -> Layout:
    """The body's layout over a frame."""
    layout = Layout(frame.n)
    for step in body:
        step.run(frame, layout.items)
    return layout


@dataclass(frozen=True, slots=True)
class Check:
    """An expression that prints nothing but may raise."""

    expression: Expression

    def run(self, frame: Frame, items: list[Item]) -> None:
        frame.mark(bad_rows(self.expression.at(frame), frame.n))


@dataclass(frozen=True, slots=True)
class Fail:
    """What raises wherever it is reached."""

    def run(self, frame: Frame, items: list[Item]) -> None:
        frame.mark_all()


@dataclass(frozen=True, slots=True)
class Merge:
    """A name that arms set differently: its value in each arm, and the slot of what it is afterwards."""

    slot: int
    arms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """If, elif and else: each arm runs over the rows that take it. The last arm is the else."""

    tests: tuple[Expression, ...]
    arms: tuple[Sequence[Step], ...]
    merges: tuple[Merge, ...]
    environment: Environment

    def run(self, frame: Frame, items: list[Item]) -> None:
        taken = self._taken(frame)
        arms: list[tuple[Rows | None, Layout]] = []
        frames: list[tuple[int, Rows | None, Frame]] = []
        for place, rows in taken:
            inner = frame.sub(rows)
            arms.append((rows, run_body(self.arms[place], inner)))
            frames.append((place, rows, inner))
        for merge in self.merges:
            frame.slots[merge.slot] = self._merged(frame, merge, frames)
        for _, _, inner in frames:
            inner.close()
        if any(layout.items for _, layout in arms):
            items.append(Branches.of(frame.n, [arm for arm in arms if arm[1].items]))

    def _taken(self, frame: Frame) -> list[tuple[int, Rows | None]]:
        """Which arm is taken by which rows; None is all rows."""
        return [
            (place, None if mask is None else np.flatnonzero(mask).astype(np.int32))
            for place, mask in deciding(self.tests, frame, self.environment)
            if mask is None or mask.any()
        ]

    def _merged(self, frame: Frame, merge: Merge, frames: list[tuple[int, Rows | None, Frame]]) -> Value:
        values = [merge.arms[place].at(inner) for place, _, inner in frames]
        if len(frames) == 1 and frames[0][1] is None:
            return values[0]
        order = np.empty(frame.n, np.int32)
        start = 0
        for _, rows, inner in frames:
            order[rows] = np.arange(start, start + inner.n, dtype=np.int32)
            start += inner.n
        return gather(stacked(values, [inner.n for _, _, inner in frames], self.environment), order)


def deciding(
    tests: Sequence[Expression], frame: Frame, environment: Environment
) -> list[tuple[int, np.ndarray | None]]:
    """The arm's number and the mask of its rows, the else arm last; None is all rows, and arms that no row takes may be left out."""
    rest: np.ndarray | None = None
    found: list[tuple[int, np.ndarray | None]] = []
    for place, test in enumerate(tests):
        decided = truth(test.at(frame), environment, frame.n)
        frame.mark(within(decided.bad, rest))
        if isinstance(decided.true, bool):
            if decided.true:
                found.append((place, rest))
                return found
            continue
        mask = decided.true if rest is None else decided.true & rest
        found.append((place, mask))
        rest = ~decided.true if rest is None else rest & ~decided.true
        if not rest.any():
            return [(place, None)] if mask.all() else found
    found.append((len(tests), rest))
    return found


@dataclass(frozen=True, slots=True)
class Choice:
    """An if whose arms are static texts: a hole that takes its texts from them."""

    tests: tuple[Expression, ...]
    texts: tuple[str, ...]
    environment: Environment

    def printed(self, frame: Frame) -> list[Table]:
        index = np.full(frame.n, len(self.tests), np.int32)
        for place, mask in deciding(self.tests, frame, self.environment):
            if mask is None:
                index[:] = place
            else:
                index[mask] = place
        texts = self.texts
        return [Table(("choice", texts), lambda: list(texts), index, len(texts), 65_536)]


@dataclass(frozen=True, slots=True)
class Write:
    """Setting a namespace's attribute."""

    space: Space
    attr: str
    expression: Expression
    environment: Environment

    def run(self, frame: Frame, items: list[Item]) -> None:
        value = self.expression.at(frame)
        frame.mark(bad_rows(value, frame.n))
        owner = owner_of(frame, self.space.depth)
        key = space_key(self.space, self.attr)
        if owner is frame:
            owner.memo[key] = value
            return
        initial = self.space.attributes.get(self.attr)
        held = owner.memo.get(key)
        if held is None:
            held = initial.at(owner) if initial is not None else missing_attribute(self.environment, self.attr)
        order = np.arange(owner.n, dtype=np.int32)
        order[frame.rows_in(owner)] = owner.n + np.arange(frame.n, dtype=np.int32)
        owner.memo[key] = gather(stacked([held, value], [owner.n, frame.n], self.environment), order)
