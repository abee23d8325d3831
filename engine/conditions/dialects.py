"""How PostgreSQL and SQLite write what conditions say, where it means exactly the same there; and what they cannot say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlglot import exp

from engine.conditions.pushdown import NotExpressibleError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = 1 << 53  # whole numbers below it are doubles


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A column of a database's query.

    ``kind`` is its type here. ``exact`` says that the database holds it in a type that compares as ``kind`` does; ``bytewise`` that
    texts are equal there only if their bytes are.
    """

    name: str
    kind: pa.DataType
    exact: bool
    bytewise: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """A database's SQL: its name for sqlglot, the collation that orders by bytes, and what it has its own way for.

    ``constant`` gives the expression of a value as it is compared with a column of a type, ``like`` that of a text
    and a pattern. Both raise NotExpressibleError.
    """

    name: str
    collation: str
    constant: Callable[[Any, pa.DataType], exp.Expr]
    like: Callable[[exp.Expr, str], exp.Expr]

    def column(self, column: SqlColumn, *, ordered: bool) -> exp.Expr:
        """The column as it is compared, ``ordered`` by more than equality."""
        found = exp.column(exp.to_identifier(column.name, quoted=True))
        if not pa.types.is_string(column.kind) or (column.bytewise and not ordered):
            return found
        return exp.Collate(this=found, expression=exp.to_identifier(self.collation, quoted=True))


def _postgres_constant(value: Any, kind: pa.DataType) -> exp.Expr:
    """Text with the type's name: PostgreSQL reads it as that type, without rounding."""
    if value is None:
        return exp.Null()
    if pa.types.is_boolean(kind):
        return exp.Boolean(this=value)
    text, name = _postgres_text(value, kind)
    if "\0" in text:
        raise NotExpressibleError
    return exp.Cast(this=exp.Literal.string(text), to=exp.DataType.build(name, dialect="postgres"))


def _postgres_text(value: Any, kind: pa.DataType) -> tuple[str, str]:
    if pa.types.is_timestamp(kind):
        return _instant(value), "timestamptz"
    if pa.types.is_date32(kind):
        return value.isoformat(), "date"
    if pa.types.is_float64(kind):
        return repr(float(value)), "double precision"
    if pa.types.is_decimal(kind):
        return format(value, "f"), "numeric"
    return str(value), "bigint" if pa.types.is_integer(kind) else "text"


def _instant(microseconds: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(sep=" ")
    except OverflowError:
        raise NotExpressibleError from None


def _postgres_like(text: exp.Expr, pattern: str) -> exp.Expr:
    """DuckDB has no character that escapes; PostgreSQL has one unless told."""
    if "\0" in pattern:
        raise NotExpressibleError
    return exp.Escape(
        this=exp.Like(this=text, expression=exp.Literal.string(pattern)), expression=exp.Literal.string("")
    )


def _sqlite_constant(value: Any, kind: pa.DataType) -> exp.Expr:
    if value is None:
        return exp.Null()
    if pa.types.is_boolean(kind):
        return exp.Literal.number(int(value))
    if pa.types.is_integer(kind):
        if value == -(1 << 63):  # has no literal
            raise NotExpressibleError
        return _signed(str(abs(value)), value < 0)
    if pa.types.is_float64(kind):
        return _quotient(value)
    if pa.types.is_date32(kind):
        return exp.Literal.string(value.isoformat())
    if pa.types.is_string(kind) and "\0" not in value:
        return exp.Literal.string(value)
    raise NotExpressibleError  # instants are text of several forms there, and decimals are doubles


def _quotient(value: float) -> exp.Expr:
    """A double as a whole number by powers of two: SQLite does not promise to read decimal fractions to the last bit."""
    try:
        above, below = value.as_integer_ratio()
    except (ValueError, OverflowError):  # NaN and the infinities
        raise NotExpressibleError from None
    if abs(above) >= _EXACT or below > _EXACT * _EXACT:
        raise NotExpressibleError
    number = _signed(f"{abs(above)}.0", above < 0)
    while below > 1:
        by = min(below, _EXACT)
        number = exp.Paren(this=exp.Div(this=number, expression=exp.Literal.number(f"{by}.0")))
        below //= by
    return number


def _signed(digits: str, negative: bool) -> exp.Expr:
    number = exp.Literal.number(digits)
    return exp.Paren(this=exp.Neg(this=number)) if negative else number


def _sqlite_like(text: exp.Expr, pattern: str) -> exp.Expr:
    """SQLite's LIKE knows no case and its GLOB ends at a null character; what begins with or contains a text can be said otherwise."""
    fixed = pattern.strip("%")
    if "%" in fixed or "_" in fixed or "\0" in fixed or not fixed or not pattern.endswith("%"):
        raise NotExpressibleError
    wanted = exp.Literal.string(fixed)
    if pattern.startswith("%"):
        found = exp.Anonymous(this="instr", expressions=[text, wanted])
        return exp.GT(this=found, expression=exp.Literal.number(0))
    beginning = [text, exp.Literal.number(1), exp.Literal.number(len(fixed))]
    return exp.EQ(this=exp.Anonymous(this="substr", expressions=beginning), expression=wanted)


POSTGRES = Dialect("postgres", "C", _postgres_constant, _postgres_like)
SQLITE = Dialect("sqlite", "BINARY", _sqlite_constant, _sqlite_like)
