"""What of a condition a database can do itself, so that rows are left out before they travel.

Only what is known to mean the same there, for every value, null included: comparisons of a column with a constant or another
column of its type, IN, BETWEEN, IS NULL, IS TRUE, IS DISTINCT FROM, LIKE, COALESCE with a constant, CASE, and AND, OR and NOT
of these. Texts are compared by their bytes and constants are computed here. Left to the engine is what can fail on a row
(arithmetic, casts), what a database's locale or version decides (the case of letters, lengths, patterns), what depends on
a time zone, and all that the white list has not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from engine.conditions.columns import match_name
from engine.conditions.constants import Constants
from engine.conditions.dialects import Dialect, SqlColumn
from engine.conditions.pushdown import NotExpressibleError, Pushdown, divided

_EQUALITIES = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)
_ORDERS = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_PARTS: Mapping[type, frozenset[str]] = {
    **dict.fromkeys((exp.Paren, exp.Not, exp.Column), frozenset({"this"})),
    **dict.fromkeys((*_EQUALITIES, *_ORDERS, exp.And, exp.Or, exp.Is), frozenset({"this", "expression"})),
    **dict.fromkeys((exp.StartsWith, exp.Contains), frozenset({"this", "expression"})),
    **dict.fromkeys((exp.In, exp.Coalesce), frozenset({"this", "expressions"})),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Case: frozenset({"ifs", "default"}),
    exp.If: frozenset({"this", "true"}),
}
"""The nodes that are known here, and the parts of each: another part may mean anything."""
_MOST_DIGITS = 18
"""Decimals of more are compared as doubles by some engines, next to a constant."""


def split_sql(
    condition: str, columns: Sequence[SqlColumn], dialect: Dialect, now: datetime, timezone: str
) -> Pushdown[str]:
    """Split a checked condition into an expression in the database's SQL, and the rest.

    Raises:
        CampaignError: the condition is not in the language.
    """
    lowering = _Lowering(columns, dialect, Constants(now, timezone))

    def lowered(part: exp.Expr) -> str:
        return str(lowering.truth(part).sql(dialect.name, comments=False))

    return divided(condition, lowered, lambda one, other: f"{one} AND {other}")


class _Lowering:
    """Expressions of the language into a database's. Every method raises NotExpressibleError."""

    def __init__(self, columns: Sequence[SqlColumn], dialect: Dialect, constants: Constants) -> None:
        self._columns: Mapping[str, SqlColumn] = {column.name: column for column in columns}
        self._dialect = dialect
        self._constants = constants

    def truth(self, node: exp.Expr) -> exp.Expr:
        """An expression that is true, false or null, in parentheses."""
        return exp.Paren(this=self._truth(node))

    def _truth(self, node: exp.Expr) -> exp.Expr:
        _check_parts(node)
        kind = type(node)
        if isinstance(node, exp.Paren):
            return self.truth(node.this)
        if isinstance(node, exp.Not):
            return exp.Not(this=self.truth(node.this))
        if kind in (exp.And, exp.Or):
            return kind(this=self.truth(node.this), expression=self.truth(node.expression))
        if kind in _EQUALITIES or kind in _ORDERS:
            return self._comparison(node)
        if isinstance(node, exp.Between):
            low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
            high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
            return exp.And(this=self.truth(low), expression=self.truth(high))
        if isinstance(node, exp.In):
            return self._membership(node)
        if isinstance(node, exp.Is):
            return self._is(node)
        if isinstance(node, exp.Like | exp.StartsWith | exp.Contains):
            return self._likeness(node)
        if isinstance(node, exp.Case):
            return self._case(node)
        return self._flag(node)

    def _flag(self, node: exp.Expr) -> exp.Expr:
        column, operand = self._operand(node, ordered=False)
        if not pa.types.is_boolean(column.kind):
            raise NotExpressibleError
        return operand

    def _comparison(self, node: exp.Expr) -> exp.Expr:
        kind, ordered = type(node), type(node) in _ORDERS
        sides = [node.this, node.expression]
        operands = [self._operand(side, ordered) if side.find(exp.Column) else None for side in sides]
        columns = [found[0] for found in operands if found is not None]
        if not columns or not _alike(columns):
            raise NotExpressibleError
        lowered = [
            self._dialect.constant(self._constants.value(side, columns[0].kind), columns[0].kind)
            if found is None
            else found[1]
            for side, found in zip(sides, operands, strict=True)
        ]
        return kind(this=lowered[0], expression=lowered[1])

    def _operand(self, node: exp.Expr, ordered: bool) -> tuple[SqlColumn, exp.Expr]:
        """A column whose values compare as here, or its COALESCE with constants."""
        _check_parts(node)
        if isinstance(node, exp.Paren):
            return self._operand(node.this, ordered)
        if type(node) is exp.Coalesce:
            column, first = self._operand(node.this, ordered)
            others = [self._constant(each, column) for each in node.expressions]
            return column, exp.Coalesce(this=first, expressions=others)
        column = self._column(node)
        if not column.exact:
            raise NotExpressibleError
        return column, self._dialect.column(column, ordered=ordered)

    def _constant(self, node: exp.Expr, column: SqlColumn) -> exp.Expr:
        return self._dialect.constant(self._constants.value(node, column.kind), column.kind)

    def _membership(self, node: exp.In) -> exp.Expr:
        column, operand = self._operand(node.this, ordered=False)
        if not node.expressions:
            raise NotExpressibleError
        return exp.In(this=operand, expressions=[self._constant(each, column) for each in node.expressions])

    def _is(self, node: exp.Is) -> exp.Expr:
        if isinstance(node.expression, exp.Null):
            column = exp.column(exp.to_identifier(self._column(node.this).name, quoted=True))
            return exp.Is(this=column, expression=exp.Null())
        if isinstance(node.expression, exp.Boolean):
            return exp.Is(this=self.truth(node.this), expression=node.expression.copy())
        raise NotExpressibleError

    def _likeness(self, node: exp.Expr) -> exp.Expr:
        column, operand = self._operand(node.this, ordered=True)
        if not pa.types.is_string(column.kind):
            raise NotExpressibleError
        wanted: Any = self._constants.value(node.expression, column.kind)
        if wanted is None:
            raise NotExpressibleError
        if not isinstance(node, exp.Like):
            if "%" in wanted or "_" in wanted or not wanted:
                raise NotExpressibleError
            wanted = f"{wanted}%" if isinstance(node, exp.StartsWith) else f"%{wanted}%"
        found = self._dialect.like(operand, wanted)
        return exp.Not(this=exp.Paren(this=found)) if node.args.get("negate") else found

    def _case(self, node: exp.Case) -> exp.Expr:
        branches = [exp.If(this=self.truth(each.this), true=self.truth(each.args["true"])) for each in node.args["ifs"]]
        default = node.args.get("default")
        return exp.Case(ifs=branches, default=None if default is None else self.truth(default))

    def _column(self, node: exp.Expr) -> SqlColumn:
        if isinstance(node, exp.Paren):
            return self._column(node.this)
        _check_parts(node)
        if not isinstance(node, exp.Column) or isinstance(node.parent, exp.Dot):
            raise NotExpressibleError
        identifier = node.this
        name = match_name(identifier.name, list(self._columns), bool(identifier.args.get("quoted")))
        if name is None:
            raise NotExpressibleError
        return self._columns[name]


def _check_parts(node: exp.Expr) -> None:
    given = {name for name, value in node.args.items() if value not in (None, False, [])}
    if type(node) not in _PARTS or given - _PARTS[type(node)]:
        raise NotExpressibleError


def _alike(columns: Sequence[SqlColumn]) -> bool:
    """Whether columns are of one type, in which both are compared here and there."""
    first = columns[0].kind
    if pa.types.is_decimal(first) and first.precision > _MOST_DIGITS:
        return False
    return all(
        each.kind == first or (pa.types.is_integer(first) and pa.types.is_integer(each.kind)) for each in columns
    )
