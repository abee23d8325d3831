"""Holes: what an expression prints, as piece ids.

A hole whose texts come from a small table (integers, the two halves of an amount, the constant arms of an if) takes the static text
before and after it into the table, so that three pieces become one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.layout import Branches, Ids, Items
from engine.templates.printing import escape_value, text_of
from engine.templates.scope import Site
from engine.templates.values import Const, Numbers, Texts, Value, bad_rows, gather

Item: TypeAlias = int | Ids | Branches | Items
MANY = 4_096  # integers that a table holds
SHORT = 32  # characters around them that it takes in; longer ones would be encoded again with each number that it does not hold


@dataclass(slots=True)
class Table:
    """Texts chosen by number: row i is ``entries()[index[i]]``, but for the rows of ``others``, which have texts of their own.

    The static texts before and after go into the entries where ``size`` entries of their length stay within ``budget`` bytes. That depends
    on the program alone, so that a row is cut into the same pieces whatever batch it is rendered in.
    """

    key: Hashable
    entries: Callable[[], list[str]]
    index: npt.NDArray[Any]
    size: int
    budget: int
    others: tuple[npt.NDArray[Any], pa.StringArray] | None = None

    def fits(self, before: str, after: str) -> bool:
        return self.size * (len(before) + len(after)) <= self.budget

    def pieces(self, frame: Frame, before: str, after: str) -> Ids:
        """The piece of every row."""
        key = (self.key, before, after)
        array = frame.batch.memory.array(
            key, lambda: pa.array([before + each + after for each in self.entries()], pa.string())
        )
        ids: Ids = self.index.astype(np.int32) + np.int32(frame.batch.register(array, key))
        if self.others is not None:
            rows, texts = self.others
            if before or after:
                texts = pc.binary_join_element_wise(before, texts, after, "")
            base = frame.batch.register(texts)
            ids[rows] = np.arange(base, base + len(rows), dtype=np.int32)
        return ids


@dataclass(slots=True)
class Integers:
    """Integers, small ones from a table. They take the texts around in where they are numbers in every batch and the texts are short."""

    value: Numbers
    typed: bool
    print: Callable[[npt.NDArray[np.int32]], pa.StringArray]
    table: Table | None = None

    def fits(self, before: str, after: str) -> bool:
        return self.typed and len(before) + len(after) <= SHORT

    def pieces(self, frame: Frame, before: str, after: str) -> Ids:
        """The piece of every row."""
        if self.table is None:
            self.table = self._made()
        return self.table.pieces(frame, before, after)

    def _made(self) -> Table:
        data = self.value.data
        others: Any = (data < 0) | (data >= MANY)
        for mask in (self.value.none, self.value.undefined):
            others = others if mask is None else others | mask
        table = Table("integers", _integer_texts, data, MANY, 0)
        rows = np.flatnonzero(others).astype(np.int32)
        if len(rows):
            table.index = np.where(others, 0, data)
            table.others = rows, self.print(rows)
        return table


def _integer_texts() -> list[str]:
    return [str(number) for number in range(MANY)]


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
        if isinstance(value, Numbers) and value.data.dtype == np.int64:
            return self._integers(frame, value)
        return printed_texts(frame, self._text(frame, value))

    def _integers(self, frame: Frame, value: Numbers) -> list[Any]:
        """They need no escaping, so parts that escape and parts that do not share them."""
        key = (self.expression.number, None)
        held = frame.printed.get(key)
        if held is None:
            held = [Integers(value, self.expression.typed, lambda rows: self._others(frame, value, rows))]
            frame.printed[key] = held
        return held

    def _others(self, frame: Frame, value: Numbers, rows: npt.NDArray[np.int32]) -> pa.StringArray:
        inner = frame.sub(rows)
        made = self._text(inner, gather(replace(value, bad=None), rows))
        inner.close()
        if not isinstance(made, Texts):
            raise TypeError("numbers print as texts")
        return made.array if made.codes is None else made.array.take(pa.array(made.codes))

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
                if isinstance(each, Table | Integers):
                    after = self.texts[place + 1] if last else ""
                    if each.fits(text, after):
                        items.append(each.pieces(frame, text, after))
                        before, laid = (place + 1, True) if last else (before, True)
                        continue
                    each = each.pieces(frame, "", "")
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
