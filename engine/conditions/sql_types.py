"""SQL types by their names, as Arrow's."""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa

from engine.conditions.connection import connect

_LETTERS = re.compile(r"[\w\s(),\[\]\"]{1,2000}")


def arrow_type(text: str) -> pa.DataType:
    """The type that ``text`` names in DuckDB's SQL: ``DATE``, ``TIMESTAMPTZ``, ``STRUCT(sku VARCHAR, price DOUBLE)[]``.

    Raises:
        ValueError: it names none, or one that no column has.
    """
    if _LETTERS.fullmatch(text) is None or not _is_closed(text):
        raise ValueError("no type")
    try:
        with connect("UTC") as connection:
            found = connection.sql(f"SELECT CAST(NULL AS {text}) AS it").to_arrow_table()
    except duckdb.Error:
        raise ValueError("no type") from None
    kind = found.schema.field("it").type
    if not _is_read(kind):
        raise ValueError("a type that no column of an audience has")
    return kind


def _is_closed(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0


def _is_read(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _is_read(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_is_read(field.type) for field in kind)
    tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string)
    return any(test(kind) for test in (*tests, pa.types.is_date32, pa.types.is_timestamp))
