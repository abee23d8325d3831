"""Columns to JSON objects and back, a batch at a time.

Some of what is read has been written by others (properties of events, answers of webhooks): a value that is not of the type that is asked
for is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
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
        name: _column(list(map(_fitting(kind), (row.get(name) for row in read))), kind).take(distinct.indices)
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


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """The values as a column; one that the type has no room for (half a surrogate pair, a number of too many digits) is null."""
    try:
        return pa.array(values, kind)
    except _NO_ROOM:
        return pa.array([value if _has_room(value, kind) else None for value in values], kind)


def _has_room(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.scalar(value, kind)
    except _NO_ROOM:
        return False
    return True


def _fitting(kind: pa.DataType) -> Callable[[Any], Any]:
    """Gives a value as one of a type if it is of that, else None."""
    if pa.types.is_struct(kind):
        members = {each.name: _fitting(each.type) for each in kind}
        return lambda value: (
            {name: fit(value.get(name)) for name, fit in members.items()} if isinstance(value, dict) else None
        )
    if pa.types.is_list(kind):
        fit_each = _fitting(kind.value_type)
        return lambda value: [fit_each(each) for each in value] if isinstance(value, list) else None
    if pa.types.is_timestamp(kind):
        return _instant if kind.tz is not None else _local_time
    for test, fit in _FITS:
        if test(kind):
            return fit
    return lambda value: value if isinstance(value, str) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _whole(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return value if whole else None


def _decimal(value: Any) -> Decimal | None:
    """Written as few digits as tell the number from all others."""
    return None if _number(value) is None else Decimal(repr(value))


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _instant(value: Any) -> datetime | None:
    found = _time(value)
    try:
        return None if found is None or found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:  # of the year 1 or 9999, elsewhere
        return None


def _local_time(value: Any) -> datetime | None:
    found = _time(value)
    return None if found is None or found.tzinfo is not None else found


_NO_ROOM = (pa.ArrowException, OverflowError, UnicodeEncodeError)
_FITS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]], ...] = (
    (pa.types.is_boolean, _truth),
    (pa.types.is_floating, _number),
    (pa.types.is_integer, _whole),
    (pa.types.is_decimal, _decimal),
    (pa.types.is_date, _date),
)
