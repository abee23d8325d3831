"""Columns to JSON objects and back, a batch at a time.

Some of what is read has been written by others (properties of events, answers of webhooks): a value that is not of the type that is asked
for is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

_TO_ESCAPE = (
    r'["\\\x00-\x1f\x7f-\xff]'  # RFC 8259 section 7 asks for the first two and controls; others are left to json.dumps
)


def objects(columns: Mapping[str, pa.Array], rows: int, *, nulls: bool = False) -> pa.StringArray:
    """One object a row, with the columns in their order; what is null is left out unless ``nulls``."""
    members = [
        pc.binary_join_element_wise(f"{json.dumps(name)}:", _texts(each, nulls), ",", "").fill_null("")
        for name, each in columns.items()
    ]
    if not members:
        return pa.repeat("{}", rows)
    joined = pc.utf8_rtrim(
        pc.binary_join_element_wise(*members, ""), characters=","
    )  # of which a value has none at its end
    return pc.binary_join_element_wise("{", joined, "}", "")


def read_objects(texts: pa.StringArray, fields: Mapping[str, pa.DataType]) -> dict[str, pa.Array]:
    """The members of some names and types, of objects that ``objects`` has written; null where there is none. Others are left out."""
    if not fields or texts.null_count == len(texts):
        return {name: pa.nulls(len(texts), kind) for name, kind in fields.items()}
    try:
        return _read_fast(texts, fields)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return read_foreign(texts, fields)


def read_foreign(texts: pa.StringArray, fields: Mapping[str, pa.DataType]) -> dict[str, pa.Array]:
    """As ``read_objects``, of whatever others have written: by Python's reader, for Arrow's can be made to crash (by a first line that
    is `null`, in version 26)."""
    distinct = texts.dictionary_encode()
    read = [_loaded(text) for text in distinct.dictionary.to_pylist()]
    return {
        name: pa.array([_fit(row.get(name), kind) for row in read], kind).take(distinct.indices)
        for name, kind in fields.items()
    }


def _texts(column: pa.Array, nulls: bool) -> pa.StringArray:
    """Each value as JSON; null stays null unless ``nulls``."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = _quoted(column.cast(pa.string()))
    elif pa.types.is_floating(kind):
        texts = pc.if_else(pc.is_finite(column), column.cast(pa.string()), None)
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        texts = column.cast(pa.string())
    elif pa.types.is_timestamp(kind):
        written = column.cast(pa.timestamp("us", kind.tz)).cast(pa.string())
        texts = pc.binary_join_element_wise('"', pc.replace_substring(written, " ", "T"), '"', "")
    elif pa.types.is_date(kind):
        texts = pc.binary_join_element_wise('"', column.cast(pa.string()), '"', "")
    elif pa.types.is_struct(kind):
        members = {kind.field(index).name: pc.struct_field(column, index) for index in range(kind.num_fields)}
        texts = pc.if_else(pc.is_valid(column), objects(members, len(column)), None)
    else:
        dumped = (json.dumps(value, ensure_ascii=False, default=str) for value in column.to_pylist())
        texts = pc.if_else(pc.is_valid(column), pa.array(dumped, pa.string()), None)
    return texts.fill_null("null") if nulls else texts


def _quoted(column: pa.StringArray) -> pa.StringArray:
    quoted = pc.binary_join_element_wise('"', column, '"', "")
    special = pc.match_substring_regex(column.cast(pa.binary()), _TO_ESCAPE)
    if not pc.any(special).as_py():
        return quoted
    rest = column.filter(special.fill_null(False))
    dumped = pa.array((json.dumps(value, ensure_ascii=False) for value in rest.to_pylist()), pa.string())
    return pc.replace_with_mask(quoted, special.fill_null(False), dumped)


def _read_fast(texts: pa.StringArray, fields: Mapping[str, pa.DataType]) -> dict[str, pa.Array]:
    if not pc.all(pc.match_substring_regex(texts, r"\A\{[^\n]*\}\z")).as_py():
        raise pa.ArrowInvalid("not one object a line")
    # The rows of what Arrow has just joined lie one behind the other.
    lines = pc.binary_join_element_wise(texts.fill_null("{}"), "\n", "").buffers()[2]
    schema = pa.schema([pa.field(name, _plain(kind)) for name, kind in fields.items()])
    table = pyarrow.json.read_json(
        pa.BufferReader(lines),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=max(lines.size + 1, 1_024)),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    ).combine_chunks()
    if table.num_rows != len(texts):
        raise pa.ArrowInvalid("lines that are no objects")
    return {name: _typed(table.column(name).chunk(0), kind) for name, kind in fields.items()}


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type as JSON has it: instants are texts."""
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(each.name, _plain(each.type)) for each in kind])
    return pa.string() if pa.types.is_timestamp(kind) else kind


def _typed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_struct(kind):
        members = [_typed(pc.struct_field(column, index), each.type) for index, each in enumerate(kind)]
        return pa.StructArray.from_arrays(members, fields=list(kind), mask=pc.is_null(column))
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), column, None)  # Arrow reads NaN, which is no JSON
    return column.cast(kind)


def _loaded(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _fit(value: Any, kind: pa.DataType) -> Any:
    """The value if it is of a type, else None."""
    if pa.types.is_struct(kind):
        return {each.name: _fit(value.get(each.name), each.type) for each in kind} if isinstance(value, dict) else None
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else None
    if pa.types.is_floating(kind):
        return _number(value)
    if pa.types.is_integer(kind):
        whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        return value if whole else None
    if pa.types.is_timestamp(kind):
        return _instant(value)
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if found is None or found.tzinfo is None else found.astimezone(UTC)
