"""What a store keeps and what it refuses, looked at in columns before any database sees it: the same for every kind."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engine.audience.store import INSTANT, LONGEST_JSON, LONGEST_TEXT, USERS, Write
from engine.errors import InputError, did_you_mean

GIVEN_USERS = pa.schema([field for field in USERS if field.name != "version"])
CHANGES = pa.schema([USERS.field("user_id"), USERS.field("attributes")])
TOLD_USERS = 50_000  # a write that changes more is not told one by one
TOLD_SECONDS = 3_600
WRITES_SECONDS = 90 * 86_400
_JSON = frozenset({"attributes", "properties"})
_FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000 + 999_999
_ODD = r"\\u|[0-9][eE]|[0-9]{300}"  # what one database reads as another does not


def checked(rows: pa.RecordBatch, schema: pa.Schema, needed: Sequence[str]) -> pa.RecordBatch:
    """The rows as the schema has them, those of its columns that are given. Raises InputError (MR676)."""
    for name in rows.schema.names:
        if name not in schema.names:
            raise _refusal(f"there is no column `{name}`", did_you_mean(name, schema.names))
    for name in needed:
        if name not in rows.schema.names:
            raise _refusal(f"the column `{name}` is missing")
    given = [field for field in schema if field.name in rows.schema.names]
    columns = [_column(rows.column(field.name), field) for field in given]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(given))


def check_write(write: Write) -> None:
    """Raises InputError (MR676) for a name that cannot be kept."""
    for name in ("run", "step", "key"):
        text = getattr(write, name)
        if "\0" in text or len(text.encode(errors="surrogatepass")) > LONGEST_TEXT:
            raise _refusal(f"`{name}` of a write holds a NUL or is longer than {LONGEST_TEXT} octets")


def askable(ids: pa.StringArray) -> list[str]:
    """Each of these ids once that may be known; what no store keeps nobody has."""
    try:
        texts = pc.unique(ids.drop_null()).to_pylist()
    except UnicodeDecodeError as fault:
        raise _refusal(f"an id is no UTF-8: {fault}") from fault
    return [each for each in texts if "\0" not in each and len(each.encode()) <= LONGEST_TEXT]


def read_object(text: str) -> dict[str, Any]:
    """A JSON object. Raises ValueError with what is wrong with it."""
    try:
        found = json.loads(text, parse_float=_number, parse_int=_whole, parse_constant=_number)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except json.JSONDecodeError as fault:
        raise ValueError(f"is no JSON: {fault.msg} at {fault.pos}") from fault
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")
    if "\\u" in text:
        _check_texts([found])
    return found


def read_objects(column: pa.Array, name: str) -> list[dict[str, Any]]:
    """Every object of a column; of what is null, the empty one. Raises InputError (MR676) naming the first row that holds none."""
    return _read_rows(enumerate(column.to_pylist()), name)


def refuse_values(rows: pa.RecordBatch, name: str, words: str) -> None:
    """A database cannot take some value: name the row if it is the JSON in a column. Raises InputError (MR676)."""
    if name in rows.schema.names:
        read_objects(rows.column(name), name)
    raise _refusal(words)


def last_of_each(rows: pa.RecordBatch, keys: Sequence[str]) -> pa.RecordBatch:
    """The last row of each key."""
    places = pa.table([*map(rows.column, keys), pa.array(range(rows.num_rows), pa.int64())], [*keys, "place"])
    last = places.group_by([*keys]).aggregate([("place", "max")]).column("place_max").combine_chunks()
    return rows if len(last) == rows.num_rows else rows.take(last.sort())


def shaped(found: pa.Table | pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """What a database has found, in the schema's columns and types."""
    columns = [found.column(field.name).cast(field.type) for field in schema]
    whole = [each.combine_chunks() if isinstance(each, pa.ChunkedArray) else each for each in columns]
    return pa.RecordBatch.from_arrays(whole, schema=schema)


def plain(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Instants and truth values as the whole numbers that SQLite keeps."""
    kinds = (pa.types.is_timestamp, pa.types.is_boolean)
    columns = [each.cast(pa.int64()) if any(kind(each.type) for kind in kinds) else each for each in rows.columns]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def without_nul(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Each NUL in a text, such as a fault told by some server, as U+FFFD: no database keeps it."""
    columns = [
        pc.replace_substring(each, "\0", "\ufffd") if pa.types.is_string(each.type) else each for each in rows.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _column(values: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_timestamp(field.type) and (not pa.types.is_timestamp(values.type) or values.type.tz is None):
        raise _refusal(f"`{field.name}` is no instant: its type is {values.type}, without a time zone")
    try:
        column = values.cast(field.type)
        column.validate(full=True)
    except pa.ArrowInvalid as fault:
        raise _refusal(f"`{field.name}` holds what is no {field.type}: {fault}") from fault
    except pa.ArrowNotImplementedError as fault:
        raise _refusal(f"`{field.name}` holds {values.type} and not {field.type}") from fault
    if column.null_count and not field.nullable:
        _refuse_first(field.name, pc.is_null(column), "is empty")
    if field.type == INSTANT:
        micros = column.cast(pa.int64())
        beyond = pc.or_(pc.less(micros, _FIRST), pc.greater(micros, _LAST))
        _refuse_first(field.name, beyond, "is not in the years 1 to 9999")
    elif field.type == pa.string():
        most = LONGEST_JSON if field.name in _JSON else LONGEST_TEXT
        _refuse_first(field.name, pc.greater(pc.binary_length(column), most), f"is longer than {most} octets")
        _refuse_first(field.name, pc.match_substring(column, "\0"), "holds a NUL")
        if field.name in _JSON:
            _check_json(column, field.name)
    return column


def _check_json(column: pa.Array, name: str) -> None:
    """That each is an object, and what is odd in it; whether it is JSON is seen by whoever reads it."""
    _refuse_first(name, pc.invert(pc.match_substring_regex(column, r"^[ \t\r\n]*\{")), "is no JSON object")
    odd = pc.indices_nonzero(pc.fill_null(pc.match_substring_regex(column, _ODD), False))
    if len(odd):
        _read_rows(zip(odd.to_pylist(), column.take(odd).to_pylist(), strict=True), name)


def _read_rows(rows: Iterable[tuple[int, str | None]], name: str) -> list[dict[str, Any]]:
    found = []
    for row, text in rows:
        try:
            found.append({} if text is None else read_object(text))
        except ValueError as fault:
            raise _refusal(f"row {row + 1}: `{name}` {fault}") from fault
    return found


def _refuse_first(name: str, mask: pa.BooleanArray, words: str) -> None:
    if mask.true_count:
        row = pc.index(mask, True).as_py()
        raise _refusal(f"row {row + 1}: `{name}` {words}")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("holds a number beyond all bounds")
    return value


def _whole(text: str) -> int:
    if len(text) > 300:
        _number(text)
    return int(text)


def _check_texts(values: list[Any]) -> None:
    """Without recursion, for the texts may be nested deep. Raises ValueError."""
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            values += value
        elif isinstance(value, str):
            if "\0" in value:
                raise ValueError("holds a NUL")
            if any("\ud800" <= each <= "\udfff" for each in value):
                raise ValueError("holds half a surrogate pair")


def _refusal(words: str, help: str | None = None) -> InputError:
    return InputError.single("MR676", f"the store does not keep these rows: {words}", help=help)
