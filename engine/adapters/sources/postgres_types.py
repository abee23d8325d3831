"""What PostgreSQL's columns are here: types that Arrow has as they are, and all others as PostgreSQL writes them in text.

A numeric with a precision is a decimal, one without is a double. An array has one dimension.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from engine.adapters.sources.typed import from_text, is_nested

INSTANT = pa.timestamp("us", "UTC")
_MOST_DIGITS = 38
_NUMERIC = 1700
_UUID = 2950
# By oid (pg_type.dat, fixed for ever): types whose values compare there as here, and texts.
_SAME: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    701: pa.float64(),
    1082: pa.date32(),
    1184: INSTANT,
}
_TEXTS = (25, 1043)  # text, varchar
_READ: Mapping[int, pa.DataType] = {17: pa.binary(), 700: pa.float32(), 1114: pa.timestamp("us")}
_ARRAYS: Mapping[int, tuple[pa.DataType, str]] = {
    1000: (pa.bool_(), "boolean[]"),
    1005: (pa.int16(), "smallint[]"),
    1007: (pa.int32(), "integer[]"),
    1016: (pa.int64(), "bigint[]"),
    1009: (pa.string(), "text[]"),
    1015: (pa.string(), "text[]"),
    1021: (pa.float32(), "real[]"),
    1022: (pa.float64(), "double precision[]"),
    1182: (pa.date32(), "date[]"),
    1185: (INSTANT, "timestamptz[]"),
    1231: (pa.float64(), "double precision[]"),
}
# PostgreSQL's infinities, and what Python and the engine have no days for.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # the years 1 to 9999
_DAY_MICROSECONDS = 86_400_000_000


@dataclass(frozen=True, slots=True)
class PostgresColumn:
    """A column: its type here, the SQL that reads it, and whether values compare there as here.

    ``ordered`` is the SQL whose order is that of the values here; ``literal`` the name of its type. ``given`` is a type that the
    campaign says, for what is text or JSON there.
    """

    name: str
    kind: pa.DataType
    sql: str
    exact: bool
    ordered: str
    literal: str
    given: bool = False

    def converted(self, values: pa.Array) -> pa.Array:
        """The values in the column's type. Raises pyarrow.ArrowInvalid for what it cannot hold."""
        if self.given:
            return from_text(values, self.kind)
        if pa.types.is_timestamp(self.kind):
            _check_days(values.cast(pa.int64()), _DAY_MICROSECONDS)
        elif pa.types.is_date32(self.kind):
            _check_days(values.cast(pa.int32()), 1)
        return values if values.type == self.kind else values.cast(self.kind)


def column_of(name: str, oid: int, precision: int | None, scale: int | None, *, array: bool) -> PostgresColumn:
    """The column of a query's result; ``array`` tells of an oid that is not of PostgreSQL itself."""
    quoted = f"audience.{quote(name)}"  # in ORDER BY a bare name would be that of a column of the result
    bytewise = f'{quoted}::text COLLATE "C"'
    if oid in _SAME:
        literal = "bigint" if pa.types.is_integer(_SAME[oid]) else "text"
        return PostgresColumn(name, _SAME[oid], quoted, True, quoted, literal)
    if oid in _TEXTS:
        return PostgresColumn(name, pa.string(), quoted, True, f'{quoted} COLLATE "C"', "text")
    if oid in _READ:
        return PostgresColumn(name, _READ[oid], quoted, False, quoted, "text")
    if oid == _NUMERIC:
        if precision is None or precision > _MOST_DIGITS or not 0 <= (scale or 0) <= precision:
            return PostgresColumn(name, pa.float64(), f"{quoted}::double precision", False, quoted, "text")
        return PostgresColumn(name, pa.decimal128(precision, scale or 0), f"{quoted}::text", True, quoted, "text")
    if oid == _UUID:  # its order is that of its text
        return PostgresColumn(name, pa.string(), f"{quoted}::text", False, quoted, "uuid")
    if oid in _ARRAYS or array:
        item, cast = _ARRAYS.get(oid, (pa.string(), "text[]"))
        return PostgresColumn(name, pa.list_(item), f"{quoted}::{cast}", False, bytewise, "text")
    return PostgresColumn(name, pa.string(), f"{quoted}::text", False, bytewise, "text")


def given(column: PostgresColumn, kind: pa.DataType) -> PostgresColumn:
    """The column as the campaign wants it: PostgreSQL makes JSON of what is composite."""
    source = f"audience.{quote(column.name)}"
    sql = f"to_json({source})::text" if is_nested(kind) else f"{source}::text"
    return replace(column, kind=kind, sql=sql, exact=False, given=True)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _check_days(values: pa.Array, per_day: int) -> None:
    found = pc.min_max(values)
    least, most = found["min"].as_py(), found["max"].as_py()
    if least is not None and (least < _FIRST_DAY * per_day or most >= (_LAST_DAY + 1) * per_day):
        raise pa.ArrowInvalid("infinity, or a day that is not of the years 1 to 9999")
