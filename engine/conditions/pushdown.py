"""What of a condition a file's reader can do itself, so that rows and row groups are left out before they are read.

Only what means exactly the same there is pushed down: comparisons of whole numbers, texts, truth values and dates with
constants, lists of constants, tests for null, and AND, OR and NOT of these. Not so floats: DuckDB takes NaN for equal
to itself and greater than all else, Arrow for neither.

NOT is carried down to the comparisons first. In what is left, a row whose value is null comes out false where SQL says
null, and as AND and OR never turn false into true, the same rows are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from engine.conditions.columns import match_name
from engine.conditions.parse import DIALECT, locate_in, parse_condition
from engine.errors import CampaignError

_COMPARISONS: Mapping[type, Callable[[pc.Expression, pa.Scalar], pc.Expression]] = {
    exp.EQ: lambda column, value: column == value,
    exp.NEQ: lambda column, value: column != value,
    exp.LT: lambda column, value: column < value,
    exp.LTE: lambda column, value: column <= value,
    exp.GT: lambda column, value: column > value,
    exp.GTE: lambda column, value: column >= value,
}
_OPPOSITES: Mapping[type, type] = {
    **{exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.LT: exp.GTE, exp.GTE: exp.LT, exp.GT: exp.LTE, exp.LTE: exp.GT},
}
_SWAPPED: Mapping[type, type] = {
    **{exp.EQ: exp.EQ, exp.NEQ: exp.NEQ, exp.LT: exp.GT, exp.GT: exp.LT, exp.LTE: exp.GTE, exp.GTE: exp.LTE},
}


Filter = TypeVar("Filter")


class NotExpressibleError(Exception):
    """A store has no expression that means exactly the same."""


@dataclass(frozen=True)
class Pushdown(Generic[Filter]):
    """A condition in two: rows are chosen that pass ``filter`` and then satisfy ``rest``. None chooses all rows.

    ``pushed`` is what the filter does, in the words of the condition.
    """

    filter: Filter | None
    pushed: str | None
    rest: str | None


def split(condition: str, schema: pa.Schema) -> Pushdown[pc.Expression]:
    """Split a checked condition into what pyarrow can filter by while it reads, and the rest.

    Raises:
        CampaignError: the condition is not in the language.
    """
    return divided(condition, lambda part: _lowered(part, schema, negated=False), lambda one, other: one & other)


def divided(
    condition: str, lowered: Callable[[exp.Expr], Filter], both: Callable[[Filter, Filter], Filter]
) -> Pushdown[Filter]:
    """Split a checked condition at its ANDs into what ``lowered`` has an expression for, joined by ``both``, and the rest.

    Raises:
        CampaignError: the condition is not in the language.
    """
    root, faults = parse_condition(condition, locate_in(condition))
    if faults:
        raise CampaignError(*faults)
    filter: Filter | None = None
    pushed: list[exp.Expr] = []
    rest: list[exp.Expr] = []
    for part in _conjuncts(root):
        try:
            found = lowered(part)
        except NotExpressibleError:
            rest.append(part)
        else:
            pushed.append(part)
            filter = found if filter is None else both(filter, found)
    if not rest or not pushed:
        return Pushdown(filter, condition if pushed else None, condition if rest else None)
    return Pushdown(filter, _text(pushed), _text(rest))


def _text(parts: Sequence[exp.Expr]) -> str:
    return " AND ".join(f"({part.sql(DIALECT, comments=False)})" for part in parts)


def _conjuncts(root: exp.Expr) -> list[exp.Expr]:
    parts, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, exp.Paren):
            waiting.append(node.this)
        elif isinstance(node, exp.And):
            waiting += [node.expression, node.this]
        else:
            parts.append(node)
    return parts


def _lowered(node: exp.Expr, schema: pa.Schema, negated: bool) -> pc.Expression:
    if isinstance(node, exp.Paren):
        return _lowered(node.this, schema, negated)
    if isinstance(node, exp.Not):
        return _lowered(node.this, schema, not negated)
    if isinstance(node, exp.Connector):
        return _connected(node, schema, negated)
    if type(node) in _COMPARISONS:
        return _comparison(node, schema, negated)
    if isinstance(node, exp.Between) and not node.args.get("symmetric"):
        low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
        high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
        return _lowered(exp.And(this=low, expression=high), schema, negated)
    if isinstance(node, exp.In):
        return _membership(node, schema, negated)
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        column = pc.field(_column(node.this, schema).name)
        return column.is_valid() if negated else column.is_null()
    if isinstance(node, exp.Column):
        field = _column(node, schema)
        if pa.types.is_boolean(field.type):
            return pc.field(field.name) == pa.scalar(not negated)
    raise NotExpressibleError


def _connected(node: exp.Connector, schema: pa.Schema, negated: bool) -> pc.Expression:
    if not isinstance(node, exp.And | exp.Or):
        raise NotExpressibleError
    parts = [_lowered(part, schema, negated) for part in node.flatten(unnest=False)]
    both = isinstance(node, exp.And) is not negated
    whole = parts[0]
    for part in parts[1:]:
        whole = whole & part if both else whole | part
    return whole


def _comparison(node: exp.Expr, schema: pa.Schema, negated: bool) -> pc.Expression:
    kind: type = type(node)
    column, constant = node.this, node.expression
    if not isinstance(column, exp.Column):
        column, constant, kind = constant, column, _SWAPPED[kind]
    field = _column(column, schema)
    kind = _OPPOSITES[kind] if negated else kind
    return _COMPARISONS[kind](pc.field(field.name), _constant(constant, field.type))


def _membership(node: exp.In, schema: pa.Schema, negated: bool) -> pc.Expression:
    field = _column(node.this, schema)
    values = [_constant(value, field.type) for value in node.expressions]
    column = pc.field(field.name)
    within = column.isin(pa.array([value.as_py() for value in values], field.type))
    return column.is_valid() & ~within if negated else within


def _column(node: exp.Expr, schema: pa.Schema) -> pa.Field:
    if not isinstance(node, exp.Column) or len(node.parts) != 1:
        raise NotExpressibleError
    identifier = node.this
    name = match_name(identifier.name, schema.names, bool(identifier.args.get("quoted")))
    if name is None or schema.names.count(name) != 1:
        raise NotExpressibleError
    return schema.field(name)


def _constant(node: exp.Expr, kind: pa.DataType) -> pa.Scalar:
    """The constant as a value of the column's type, if that loses nothing."""
    while isinstance(node, exp.Paren):
        node = node.this
    value = _value(node, kind)
    try:
        return pa.scalar(value, kind)
    except (pa.ArrowException, OverflowError):
        raise NotExpressibleError from None


def _value(node: exp.Expr, kind: pa.DataType) -> str | int | bool | date:
    is_text = isinstance(node, exp.Literal) and node.is_string
    if is_text and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return str(node.this)
    if pa.types.is_boolean(kind) and isinstance(node, exp.Boolean):
        return bool(node.this)
    if pa.types.is_integer(kind) and _whole_number(node) is not None:
        return int(_whole_number(node) or 0)
    if pa.types.is_date32(kind):
        inner = node.this if type(node) is exp.Cast and node.to.this is exp.DataType.Type.DATE else node
        if isinstance(inner, exp.Literal) and inner.is_string and len(inner.this) == 10:
            try:
                return date.fromisoformat(inner.this)
            except ValueError:
                pass
    raise NotExpressibleError


def _whole_number(node: exp.Expr) -> int | None:
    sign = -1 if isinstance(node, exp.Neg) else 1
    literal = node.this if isinstance(node, exp.Neg) else node
    if isinstance(literal, exp.Literal) and not literal.is_string and str(literal.this).isdecimal():
        return sign * int(literal.this)
    return None
