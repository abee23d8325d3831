"""What SQLite's columns are here.

SQLite holds a type with each value and lets a column's declaration say little. Here the declared type is what counts, as
SQLite's own rules read it (section 3.1 of its page on data types), with names for what it has no class for; a column
of a query that has none (an expression, NUMERIC, BLOB, which is also SQLite's word for none) is what its values are. A value that
its column's type cannot hold stops the reading.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from engine.adapters.sources.typed import from_text

INSTANT = pa.timestamp("us", "UTC")
_MOST_DIGITS = 15  # SQLite keeps decimals as doubles, which hold so many digits
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # the years 1 to 9999
_SENTINELS = {"int64": "0", "double": "0.0", "string": "''", "binary": "x''"}
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")


@dataclass(frozen=True, slots=True)
class SqliteColumn:
    """A column: its type here, the SQL that reads it, the type in which that arrives, and whether values compare there as here.

    ``given`` is a type that the campaign says, for what is text there.
    """

    name: str
    kind: pa.DataType
    sql: str
    raw: str
    exact: bool
    given: bool = False

    @property
    def sentinel(self) -> str:
        """A value of the type that arrives: the driver takes a column's type from its first rows, which may be null."""
        return _SENTINELS[self.raw]

    def converted(self, values: pa.Array) -> pa.Array:
        """The values in the column's type. Raises pyarrow.ArrowInvalid for what it cannot hold."""
        if self.raw == "string":
            values.validate(full=True)  # SQLite does not look at what it is given for text
        if self.given:
            return from_text(values, self.kind)
        if pa.types.is_boolean(self.kind):
            beyond = pc.any(pc.invert(pc.is_in(values, pa.array([0, 1, None], pa.int64())))).as_py()
            if beyond:
                raise pa.ArrowInvalid("a truth value is 0 or 1")
        return values.cast(self.kind)


def declared(name: str, type: str) -> SqliteColumn | None:
    """The column that a declared type makes; None if it says nothing."""
    words, quoted = " ".join(type.upper().split()), quote(name)
    if "BOOL" in words:
        return SqliteColumn(name, pa.bool_(), quoted, "int64", exact=True)
    if words.startswith(("TIMESTAMPTZ", "DATETIMEOFFSET")) or words.endswith("WITH TIME ZONE"):
        return SqliteColumn(name, INSTANT, _instant(quoted), "string", exact=False)
    if words.startswith(("TIMESTAMP", "DATETIME")):
        return SqliteColumn(name, pa.timestamp("us"), quoted, "string", exact=False)
    if words == "DATE":
        return SqliteColumn(name, pa.date32(), quoted, "string", exact=True)
    if "INT" in words:
        return SqliteColumn(name, pa.int64(), quoted, "int64", exact=True)
    if any(each in words for each in ("CHAR", "CLOB", "TEXT")):
        return SqliteColumn(name, pa.string(), quoted, "string", exact=True)
    if words in ("JSON", "UUID"):
        return SqliteColumn(name, pa.string(), f"CAST({quoted} AS TEXT)", "string", exact=False)
    if any(each in words for each in ("REAL", "FLOA", "DOUB")):
        return SqliteColumn(name, pa.float64(), quoted, "double", exact=True)
    digits = _DECIMAL.fullmatch(words)
    if digits and int(digits[1]) <= _MOST_DIGITS:
        kind = pa.decimal128(int(digits[1]), int(digits[2] or 0))
        return SqliteColumn(name, kind, f"CAST({quoted} AS REAL)", "double", exact=False)
    return None


def given(name: str, kind: pa.DataType) -> SqliteColumn:
    return SqliteColumn(name, kind, f"CAST({quote(name)} AS TEXT)", "string", exact=False, given=True)


def of_values(name: str, classes: Set[str]) -> SqliteColumn:
    """The column that values of these classes (SQLite's typeof) make, if its declaration says nothing."""
    quoted = quote(name)
    if classes == {"integer"}:
        return SqliteColumn(name, pa.int64(), quoted, "int64", exact=False)
    if classes and classes <= {"integer", "real"}:
        return SqliteColumn(name, pa.float64(), f"CAST({quoted} AS REAL)", "double", exact=False)
    if classes == {"blob"}:
        return SqliteColumn(name, pa.binary(), quoted, "binary", exact=False)
    return SqliteColumn(name, pa.string(), f"CAST({quoted} AS TEXT)", "string", exact=False)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _instant(column: str) -> str:
    """Text as it is, and whole numbers as Unix seconds, as SQLite's own `unixepoch`; another number is no instant."""
    seconds = f"typeof({column}) = 'integer' AND {column} BETWEEN {_FIRST_SECOND} AND {_LAST_SECOND}"
    return f"CASE WHEN {seconds} THEN strftime('%Y-%m-%dT%H:%M:%SZ', {column}, 'unixepoch') ELSE {column} END"
