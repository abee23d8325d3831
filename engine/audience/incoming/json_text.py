"""Values as JSON text, and columns as JSON objects: one text a value, the same whatever the format that it came in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from engine.audience.columns import plain_type

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=lambda v: _other(v)
)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(parse_constant=_no_number)
"""JSON alone: Python's own reader also takes NaN and Infinity."""


def reason(fault: Exception) -> str:
    """Why a text is no JSON, in a person's words."""
    if isinstance(fault, UnicodeDecodeError):
        return "not UTF-8"
    return "nested too deep" if isinstance(fault, RecursionError) else f"not JSON: {fault}"


def text_of(value: Any) -> str:
    """JSON without spaces, keys in order. Raises ValueError for what JSON cannot say (NaN), TypeError for what is no value."""
    return _ENCODER.encode(value)


def can_be_text(kind: pa.DataType) -> bool:
    """Whether values of a column can be said in JSON."""
    kind = plain_type(kind)
    if pt.is_list(kind):
        return can_be_text(kind.value_type)
    if pt.is_struct(kind):
        return all(can_be_text(field.type) for field in kind)
    simple: tuple[Callable[[pa.DataType], bool], ...] = (
        pt.is_string, pt.is_integer, pt.is_floating, pt.is_boolean, pt.is_decimal, pt.is_date, pt.is_timestamp, pt.is_null,
    )  # fmt: skip
    return any(each(kind) for each in simple)


def objects(columns: Mapping[str, pa.Array], rows: int) -> pa.StringArray:
    """A JSON object a row, of the columns that are not null there; null where none is."""
    members = [_member(name, columns[name]) for name in sorted(columns)]
    if not members:
        return pa.nulls(rows, pa.string())
    joined = pc.binary_join_element_wise(*members, "")
    whole = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, 1), "}", "")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), whole)


def _member(name: str, column: pa.Array) -> pa.StringArray:
    """A comma, the name and the value; nothing for null. (Arrow's own way to skip nulls also skips rows that have nothing else.)"""
    return pc.fill_null(pc.binary_join_element_wise(f",{text_of(name)}:", texts(column), ""), "")


def texts(column: pa.Array) -> pa.StringArray:
    """The JSON text of each value, null for null and for what JSON cannot say."""
    kind = plain_type(column.type)
    if pt.is_integer(kind):
        return column.cast(kind).cast(pa.string())
    if pt.is_boolean(kind):
        return pc.if_else(column, "true", "false")
    if pt.is_timestamp(kind):
        column, kind = column.cast(pa.timestamp("us", kind.tz), safe=False), pa.timestamp("us", kind.tz)
    values = column.cast(kind).to_pylist()
    if not pt.is_string(kind):
        return pa.array([None if each is None else _said(each) for each in values], pa.string())
    known: dict[str | None, str | None] = {None: None}
    for each in values:
        if each not in known:
            known[each] = _said(each)
    return pa.array([known[each] for each in values], pa.string())


def _said(value: Any) -> str | None:
    """What JSON cannot say (NaN, infinity) is left out."""
    try:
        return text_of(value)
    except ValueError:
        return None


def _other(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)
