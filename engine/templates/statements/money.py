"""``'%.2f'|format(x)``: an amount printed as two pieces, the whole part and the fraction, without making a text."""

from __future__ import annotations

import re
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
from engine.templates.statements.holes import Hole, Table
from engine.templates.values import Numbers, absent_rows, bad_rows

MOST_WHOLE = 1_000
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

    def _amounts(self, frame: Frame, value: Numbers) -> list[Table]:
        frame.mark(bad_rows(value, frame.n))
        frame.mark(absent_rows(value, frame.n))
        whole, fraction, doubtful = fixed_texts(value.data.astype(np.float64), self.places)
        doubtful = doubtful | (whole >= MOST_WHOLE)
        rows = np.flatnonzero(doubtful)
        tables = [Table("wholes", _wholes, whole, MOST_WHOLE, MOST_WHOLE * 64)]
        if self.places:
            size = 10**self.places
            tables.append(Table(("fraction", self.places), partial(_fractions, self.places), fraction, size, 65_536))
        if len(rows):  # the whole amount in place of its whole part, and no fraction
            texts = pa.array([f"{each:.{self.places}f}" for each in value.data[rows].tolist()], pa.string())
            tables[0].index = np.where(doubtful, 0, whole)
            tables[0].others = rows, texts
            for table in tables[1:]:
                table.index = np.where(doubtful, table.size, fraction)
        return tables


def _wholes() -> list[str]:
    return [str(number) for number in range(MOST_WHOLE)]


def _fractions(places: int) -> list[str]:
    """The fractions, and after them nothing."""
    return [*(f".{number:0{places}d}" for number in range(10**places)), ""]


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
    if whole.const is not None or not number.typed:
        return None
    scope.unit.back_to(known)  # the whole is for what is no number
    return Amount(number, whole, int(match[1]), scope.site)
