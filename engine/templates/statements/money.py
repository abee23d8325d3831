"""``'%.2f'|format(x)``: an amount printed as two pieces, the whole part and the fraction, without making a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from jinja2 import nodes

from engine.templates.expressions.compile import compile_expression
from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.lowering.filters import is_builtin
from engine.templates.printing import fixed_texts
from engine.templates.scope import Scope, Site
from engine.templates.statements.holes import SMALL, Hole, Table, integer_texts, printed_texts
from engine.templates.values import Numbers, Texts, absent_rows, bad_rows

_FIXED = re.compile(r"%\.([0-4])f")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number printed with a fixed count of decimal places."""

    number: Expression
    whole: Expression
    places: int
    site: Site

    def printed(self, frame: Frame) -> list[Any]:
        key = (-(8 * self.number.number + self.places), False)
        value = self.number.at(frame)
        if not isinstance(value, Numbers):
            return Hole(self.whole, self.site).printed(frame)
        held = frame.printed.get(key)
        if held is None:
            held = frame.printed[key] = self._amounts(frame, value)
        return held

    def _amounts(self, frame: Frame, value: Numbers) -> list[Any]:
        frame.mark(bad_rows(value, frame.n))
        frame.mark(absent_rows(value, frame.n))
        whole, fraction, doubtful = fixed_texts(value.data.astype(np.float64), self.places)
        rows = np.flatnonzero(doubtful)
        if len(rows) > frame.n // 16 or (len(whole) and int(whole.max()) >= SMALL):
            return printed_texts(frame, self._texts(value))
        places = self.places
        tables = [Table("integers", integer_texts, whole, int(whole.max()) if len(whole) else 0)]
        if places:
            tables.append(Table(("fraction", places), _fractions(places), fraction, 10**places - 1, 10**places))
        return tables if len(rows) == 0 else self._repaired(frame, tables, rows, value)

    def _repaired(self, frame: Frame, tables: list[Table], rows: Any, value: Numbers) -> list[Any]:
        """The tables' ids, with the doubtful rows' whole texts in place of the whole part, and nothing for their fraction."""
        texts = pa.array([f"{each:.{self.places}f}" for each in value.data[rows].tolist()], pa.string())
        base = frame.batch.register(texts)
        made: list[Any] = []
        for number, table in enumerate(tables):
            array = frame.batch.memory.array((table.key, "whole"), partial(_entries, table))
            ids = table.index.astype(np.int32) + np.int32(frame.batch.register(array, (table.key, "whole")))
            ids[rows] = np.arange(base, base + len(rows), dtype=np.int32) if number == 0 else 0
            made.append(ids)
        return made

    def _texts(self, value: Numbers) -> Texts:
        texts = [f"{each:.{self.places}f}" for each in value.data.tolist()]
        return Texts(pa.array(texts, pa.string()))


def _entries(table: Table) -> pa.StringArray:
    return pa.array(table.entries(table.size or SMALL), pa.string())


def _fractions(places: int) -> Callable[[int], list[str]]:
    return lambda size: [f".{number:0{places}d}" for number in range(size)]


def money_hole(scope: Scope, node: nodes.Expr) -> Amount | None:
    """The hole of ``'%.2f'|format(x)`` or ``'%.2f' % x``, where the format is one of those."""
    if isinstance(node, nodes.Filter) and node.name == "format" and is_builtin(scope.environment, "format"):
        if len(node.args) != 1 or node.kwargs or node.dyn_args or node.dyn_kwargs:
            return None
        return _amount(scope, node, node.node, node.args[0])
    if isinstance(node, nodes.Mod):
        return _amount(scope, node, node.left, node.right)
    return None


def _amount(scope: Scope, node: nodes.Expr, spec: nodes.Node | None, argument: nodes.Expr) -> Amount | None:
    match = _FIXED.fullmatch(spec.value) if isinstance(spec, nodes.Const) and isinstance(spec.value, str) else None
    if match is None:
        return None
    number, known = compile_expression(scope, argument), scope.unit.mark()
    whole = compile_expression(scope, node)
    if whole.const is not None or number.const is not None:
        return None
    scope.unit.back_to(known)  # the whole is for what is no number
    return Amount(number, whole, int(match[1]), scope.site)
