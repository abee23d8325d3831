"""Hostile rows: a fixed schema, and for each column the values that break a naive columnar kernel."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import strategies as st

TEXTS = (
    "anna", "", "ab cd", "O'Brien", 'x<y>&"q\'', "straße", "ŉx", "İz", "maría JOSÉ", "ΑΣ ΑΣ", "ǆ", "ﬁn", "e\u0301", "a b-c(d",
    "  pad\t", "x1y 2z", "foo bar baz qux quux corge grault garply waldo fred", "1", "1.5", "-0", "nan", "True",
    "None", "<b>hi</b> <!-- c -->", "&amp; &lt;", "line\nbreak\r\nnext\rlast", "\x00\x1f\x7f", "\u2028\u200b\xa0", "😀 é",
    "%s %d {}", "{{ s }}",
    "a,b,,c", "http://example.com/?a=1&b=<2>",
)  # fmt: skip
INTEGERS = (0, 1, 2, -1, -3, 5, 7, 10, 99, 100, 999, 1000, 2**31 - 1, -(2**31), 2**40, 2**53 + 1, 2**63 - 1, -(2**63))
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, 2.675, 1.005, 0.125, 0.1, 0.285, 12.5, 100.125, 1234.5, -0.5, -2.675, 0.005, 1e-05,
    0.0001, 1e-7, 1e15, 1e16, 123456789012345680.0, 1e22, 1.7976931348623157e308, 5e-324, math.nan, math.inf, -math.inf, 1e9, 2.0**53,
)  # fmt: skip
SINGLES = (0.5, -0.0, 1.0, 0.10000000149011612, math.nan, math.inf, 16777216.0)
DECIMALS = tuple(Decimal(text) for text in ("0.00", "1.00", "2.50", "-0.05", "19.99", "1234567.89", "0.01"))
DAYS = tuple(
    dt.date(*day) for day in ((2024, 2, 29), (1999, 12, 31), (1, 1, 1), (9999, 12, 31), (1969, 12, 31), (2025, 11, 3))
)
MOMENTS = tuple(
    dt.datetime(*moment)
    for moment in (
        (2024, 2, 29, 1, 2, 3), (1999, 12, 31, 0, 0, 0, 5), (1970, 1, 1), (1969, 12, 31, 23, 59, 59, 999999), (2025, 3, 30, 1, 30),
        (2025, 10, 26, 0, 30), (2025, 10, 26, 1, 30), (1900, 1, 1, 12),
    )
)  # fmt: skip
CLOCKS = (dt.time(0, 0), dt.time(23, 59, 59, 999999), dt.time(12, 30))
WAITS = (dt.timedelta(0), dt.timedelta(days=1, seconds=1), dt.timedelta(microseconds=-1))

ITEM = pa.struct(
    [
        ("a", pa.string()),
        ("q", pa.float64()),
        ("n", pa.int64()),
        ("ok", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("items", pa.list_(pa.int64())),
        ("u", pa.struct([("n", pa.string())])),
    ]
)
USER = pa.struct(
    [
        ("n", pa.string()),
        ("k", pa.int64()),
        ("f", pa.float64()),
        ("at", pa.timestamp("us")),
        ("items", pa.string()),
        ("keys", pa.int64()),
        ("get", pa.string()),
        ("values", pa.list_(pa.string())),
        ("length", pa.int64()),
        ("home", pa.struct([("city", pa.string()), ("zip", pa.int32())])),
    ]
)
CART = pa.struct([("items", pa.list_(ITEM)), ("total", pa.float64()), ("copy", pa.string())])

SCHEMA = pa.schema(
    [
        ("s", pa.string()),
        ("t", pa.large_string()),
        ("code", pa.dictionary(pa.int32(), pa.string())),
        ("w", pa.string()),
        ("items", pa.string()),
        ("i", pa.int64()),
        ("j", pa.int8()),
        ("big", pa.uint64()),
        ("length", pa.int64()),
        ("f", pa.float64()),
        ("g", pa.float32()),
        ("price", pa.decimal128(12, 2)),
        ("b", pa.bool_()),
        ("c", pa.bool_()),
        ("z", pa.null()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us")),
        ("utc", pa.timestamp("us", "UTC")),
        ("local", pa.timestamp("s", "Europe/Berlin")),
        ("clock", pa.time64("us")),
        ("wait", pa.duration("us")),
        ("u", USER),
        ("cart", CART),
        ("l", pa.list_(ITEM)),
        ("nums", pa.list_(pa.int64())),
        ("floats", pa.large_list(pa.float64())),
        ("texts", pa.list_(pa.string())),
        ("nested", pa.list_(pa.list_(pa.int64()))),
        ("pairs", pa.list_(pa.list_(pa.string(), 2))),
        ("m", pa.map_(pa.string(), pa.int64())),
        ("groups", pa.list_(pa.struct([("name", pa.string()), ("rows", pa.list_(ITEM))]))),
    ]
)


def _values(kind: pa.DataType, chance: random.Random) -> Any:
    """One Python value of an Arrow type, null among them."""
    if pa.types.is_null(kind) or chance.random() < 0.1:
        return None
    if pa.types.is_struct(kind):
        return {field.name: _values(field.type, chance) for field in kind}
    if pa.types.is_map(kind):
        return [(key, _values(kind.item_type, chance)) for key in chance.sample(("a", "b", "<c>"), chance.randrange(4))]
    if pa.types.is_fixed_size_list(kind):
        return [_values(kind.value_type, chance) for _ in range(kind.list_size)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_values(kind.value_type, chance) for _ in range(chance.randrange(5))]
    return chance.choice(scalars(kind))


def scalars(kind: pa.DataType) -> Sequence[Any]:
    """The hostile values of a type without parts."""
    if pa.types.is_integer(kind):
        signed, bits = pa.types.is_signed_integer(kind), kind.bit_width
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        return [*(value for value in INTEGERS if low <= value <= high), low, high]
    if pa.types.is_timestamp(kind):
        return _timestamps(kind)
    return _SCALARS[str(kind)]


def _timestamps(kind: pa.DataType) -> Sequence[dt.datetime]:
    if kind.tz is None:
        return MOMENTS
    whole = [moment.replace(microsecond=0) if kind.unit == "s" else moment for moment in MOMENTS]
    return [moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(kind.tz)) for moment in whole]


_SCALARS: dict[str, Sequence[Any]] = {
    "string": TEXTS,
    "large_string": TEXTS,
    "dictionary<values=string, indices=int32, ordered=0>": TEXTS,
    "double": FLOATS,
    "float": SINGLES,
    "decimal128(12, 2)": DECIMALS,
    "bool": (True, False),
    "date32[day]": DAYS,
    "time64[us]": CLOCKS,
    "duration[us]": WAITS,
}


def _pool(field: pa.Field) -> list[Any]:
    """What a column draws from, the simplest first."""
    kind, chance = field.type, random.Random(field.name)
    if pa.types.is_null(kind):
        return [None]
    if pa.types.is_nested(kind):
        return sorted((_values(kind, chance) for _ in range(150)), key=lambda value: len(str(value)))
    return [*scalars(kind)[:1], None, *scalars(kind)[1:]]


POOLS = {field.name: _pool(field) for field in SCHEMA}


@st.composite
def audiences(draw: st.DrawFn, names: frozenset[str], most: int = 6) -> pa.RecordBatch:
    """A few rows of the columns in ``names`` (one of them may be missing), possibly a slice of a longer batch."""
    present = [field for field in SCHEMA if field.name in names]
    if len(present) > 1 and draw(st.integers(0, 11)) == 11:
        present.remove(draw(st.sampled_from(present)))
    schema = pa.schema(present or [SCHEMA.field("s")])
    cells = st.fixed_dictionaries({field.name: st.sampled_from(POOLS[field.name]) for field in schema})
    rows = draw(st.lists(cells, min_size=1, max_size=most))
    whole = pa.RecordBatch.from_pylist(rows, schema=schema)
    return whole.slice(draw(st.integers(0, len(rows) - 1)))


def repeated(batch: pa.RecordBatch, count: int) -> pa.RecordBatch:
    """``count`` rows, those of ``batch`` over and over."""
    return batch.take(pa.array([row % len(batch) for row in range(count)], pa.int32()))
