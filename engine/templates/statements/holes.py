"""Holes: what an expression prints, as piece ids.

A hole whose texts come from a small table (integers, the two halves of an amount, the constant arms of an if) takes the static text
before and after it into the table, so that three pieces become one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.layout import Branches, Ids, Items
from engine.templates.printing import escape_value, text_of
from engine.templates.scope import Site
from engine.templates.values import Const, Numbers, Texts, Value, bad_rows

Item: TypeAlias = int | Ids | Branches | Items
SMALL = 10_000
_TABLE_SIZES = (16, 64, 256)
_TABLE_BYTES = 65_536


@dataclass(slots=True)
class Table:
    """Texts chosen by number: ``entries(size)`` gives the first ``size`` of them, under a key."""

    key: Hashable
    entries: Callable[[int], list[str]]
    index: npt.NDArray[Any]
    largest: int
    size: int | None = None


def integer_texts(size: int) -> list[str]:
    return [str(number) for number in range(size)]


@dataclass(frozen=True, slots=True)
class Hole:
    """An expression that is printed."""

    expression: Expression
    site: Site

    def printed(self, frame: Frame) -> list[Any]:
        """The hole's pieces on these rows: tables, ids, or a static's id; nothing where it prints nothing anywhere."""
        key = (self.expression.number, self.site.autoescape)
        held = frame.printed.get(key)
        if held is None:
            held = frame.printed[key] = self._printed(frame)
        return held

    def _printed(self, frame: Frame) -> list[Any]:
        value = self.expression.at(frame)
        frame.mark(bad_rows(value, frame.n))
        if isinstance(value, Numbers):
            table = _small_integers(value)
            if table is not None:
                return [table]
        return printed_texts(frame, self._text(frame, value))

    def _text(self, frame: Frame, value: Value) -> Value:
        environment = self.site.environment
        printing = escape_value if self.site.autoescape else text_of
        made = printing(frame, value, environment)
        if not isinstance(made, Texts | Const):
            made = apply(frame, environment, plain, made)
        frame.mark(bad_rows(made, frame.n))
        return made


def plain(value: Any) -> str:
    """``str``, of exactly that type."""
    return str.__str__(str(value))


def printed_texts(frame: Frame, value: Value) -> list[Any]:
    """The pieces of a column of texts, or of one text for all rows."""
    if isinstance(value, Const):
        text = "" if value.failed else str(value.value)
        return [frame.batch.constant(text)] if text else []
    if not isinstance(value, Texts):
        frame.mark_all()
        return []
    base = frame.batch.register(value.array)
    if value.codes is None:
        return [np.arange(base, base + frame.n, dtype=np.int32)]
    return [value.codes + np.int32(base)]


def _small_integers(value: Numbers) -> Table | None:
    data = value.data
    if data.dtype != np.int64 or value.none is not None or value.undefined is not None or len(data) == 0:
        return None
    largest = int(data.max())
    if largest >= SMALL or int(data.min()) < 0:
        return None
    return Table("integers", integer_texts, data, largest)


@dataclass(frozen=True, slots=True)
class Run:
    """Holes with static texts around them: ``texts`` has one entry more than there are holes, ``pieces`` their piece ids."""

    texts: tuple[str, ...]
    pieces: tuple[int, ...]
    holes: tuple[Any, ...]

    def run(self, frame: Frame, items: list[Item]) -> None:
        before = 0  # the text that is next; None when a table has it already
        laid = False
        for place, hole in enumerate(self.holes):
            printed = hole.printed(frame)
            for number, each in enumerate(printed):
                text = "" if laid else self.texts[before]
                last = number == len(printed) - 1
                if isinstance(each, Table):
                    base = _registered(frame, each, text, self.texts[place + 1] if last else "")
                    if base is not None:
                        items.append(each.index.astype(np.int32) + np.int32(base))
                        before, laid = (place + 1, True) if last else (before, True)
                        continue
                    each = each.index.astype(np.int32) + np.int32(_whole(frame, each))
                if text:
                    items.append(self.pieces[before])
                items.append(each)
                before, laid = (place + 1, False) if last else (before, True)
            if not printed:
                if not laid and self.texts[before]:
                    items.append(self.pieces[before])
                before, laid = place + 1, False
        if not laid and self.texts[-1]:
            items.append(self.pieces[-1])


def _registered(frame: Frame, table: Table, before: str, after: str) -> int | None:
    """The first piece of a table whose entries carry the texts around; None when that would be too large."""
    if not before and not after:
        return _whole(frame, table)
    size = table.size or next((each for each in _TABLE_SIZES if table.largest < each), None)
    if size is None or size * (len(before) + len(after)) > _TABLE_BYTES:
        return None
    key = (table.key, before, after, size)
    entries = table.entries
    array = frame.batch.memory.array(
        key, lambda: pa.array([before + each + after for each in entries(size)], pa.string())
    )
    return frame.batch.register(array, key)


def _whole(frame: Frame, table: Table) -> int:
    size = table.size or (next((each for each in _TABLE_SIZES if table.largest < each), SMALL))
    key = (table.key, "", "", size)
    array = frame.batch.memory.array(key, lambda: pa.array(table.entries(size), pa.string()))
    return frame.batch.register(array, key)
