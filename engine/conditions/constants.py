"""What of a condition is the same for every row, computed by the engine that evaluates conditions.

A store never computes a constant: it would do it in its own way (time zones, intervals, decimals, the clock).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from engine.conditions.check import sql_of
from engine.conditions.clock import with_clock
from engine.conditions.connection import connect
from engine.conditions.pushdown import NotExpressibleError

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_DAY = 10  # characters of 2026-03-01


class Constants:
    """Constants of conditions at one instant, for sessions in ``timezone``."""

    def __init__(self, now: datetime, timezone: str) -> None:
        self._now = now
        self._timezone = timezone
        self._connection = connect(timezone)

    def value(self, node: exp.Expr, kind: pa.DataType) -> Any:
        """The constant as it is compared with a column of ``kind``: instants in microseconds since 1970, a null as None.

        Raises:
            NotExpressibleError: it is no constant, or such a column is compared as something else.
        """
        if node.find(exp.Column) is not None:
            raise NotExpressibleError
        sql = sql_of(with_clock(node, self._now, self._timezone))
        try:
            return self._compared(sql, kind, is_text=_is_text(node))
        except (duckdb.Error, pa.ArrowException, OverflowError, ValueError):
            raise NotExpressibleError from None

    def _compared(self, sql: str, kind: pa.DataType, *, is_text: bool) -> Any:
        found = str(self._one(f"typeof({sql})"))
        if found == '"NULL"':
            return None
        if not _comparable(found, kind, is_text):
            raise NotExpressibleError
        if pa.types.is_timestamp(kind):
            return self._one(f"epoch_us(CAST({sql} AS TIMESTAMPTZ))")
        if pa.types.is_decimal(kind):
            exact = f"CAST({sql} AS DECIMAL({kind.precision}, {kind.scale}))"
            if not self._one(f"({exact}) = ({sql})"):
                raise NotExpressibleError
            return self._one(exact)
        return self._one(f"CAST({sql} AS {_NAMES[_family(kind)]})")

    def _one(self, sql: str) -> Any:
        return self._connection.sql(f"SELECT {sql} AS it").to_arrow_table()["it"][0].as_py()


_NAMES: Mapping[str, str] = {
    "whole": "BIGINT",
    "double": "DOUBLE",
    "text": "VARCHAR",
    "truth": "BOOLEAN",
    "day": "DATE",
}


def _family(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "whole"
    if pa.types.is_float64(kind):
        return "double"
    if pa.types.is_string(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "truth"
    if pa.types.is_date32(kind):
        return "day"
    raise NotExpressibleError


def _comparable(found: str, kind: pa.DataType, is_text: bool) -> bool:
    """Whether DuckDB compares a constant of the type ``found`` with a column of ``kind`` in the column's own type."""
    if pa.types.is_timestamp(kind):
        return is_text or found in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "DATE")
    if pa.types.is_decimal(kind):
        return found in _WHOLE or found.startswith("DECIMAL")
    return {
        "whole": found in _WHOLE,
        "double": found in (*_WHOLE, "DOUBLE", "FLOAT") or found.startswith("DECIMAL"),
        "text": found == "VARCHAR",
        "truth": found == "BOOLEAN",
        "day": found == "DATE" or is_text,
    }[_family(kind)]


def _is_text(node: exp.Expr) -> bool:
    """Whether it is text as it is written, which DuckDB reads as whatever it is compared with."""
    while isinstance(node, exp.Paren):
        node = node.this
    return isinstance(node, exp.Literal) and bool(node.is_string) and len(node.this) >= _DAY
