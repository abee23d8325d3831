"""What is packed row by row comes back as the same batch, in any order, from any slice."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cache.rows import RowFormat

KINDS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.string(): st.text(max_size=20),
    pa.binary(): st.binary(max_size=20),
    pa.bool_(): st.booleans(),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.int8(): st.integers(-128, 127),
    pa.float64(): st.floats(allow_nan=False),
    pa.date32(): st.dates(date(1900, 1, 1)),
    pa.timestamp("us", "UTC"): st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    pa.decimal128(20, 2): st.decimals(-10_000, 10_000, places=2),
    pa.binary(3): st.binary(min_size=3, max_size=3),
}


@st.composite
def batches(draw: st.DrawFn) -> pa.RecordBatch:
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=10))
    count = draw(st.integers(0, 12))
    columns = [
        pa.array(draw(st.lists(st.none() | KINDS[kind], min_size=count, max_size=count)), kind) for kind in kinds
    ]
    names = draw(st.lists(st.sampled_from(["a", "null", "head", "lengths", "."]), unique=True, max_size=3))
    return pa.RecordBatch.from_arrays(columns, names=[*names, *map(str, range(10))][: len(columns)])


@given(batches(), st.data())
def test_every_row_comes_back(batch: pa.RecordBatch, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, batch.num_rows))
    part = batch.slice(start, data.draw(st.integers(0, batch.num_rows - start)))
    rows = RowFormat(batch.schema, 5).pack(part, b"".join(b"head%d" % (number % 10) for number in range(part.num_rows)))
    order = data.draw(st.lists(st.integers(0, part.num_rows - 1), max_size=20)) if part.num_rows else []
    unpacked = RowFormat(batch.schema, 5).unpack([rows[index] for index in order])
    unpacked.validate(full=True)
    assert unpacked.equals(part.take(pa.array(order, pa.int64())))
    assert [row[:5] for row in rows] == [b"head%d" % (number % 10) for number in range(part.num_rows)]


@given(batches())
def test_equal_rows_are_equal_bytes_wherever_they_come_from(batch: pa.RecordBatch) -> None:
    packing = RowFormat(batch.schema, 1)
    together = packing.pack(batch, bytes(batch.num_rows))
    alone = [packing.pack(pa.RecordBatch.from_pylist([row], batch.schema), b"\0")[0] for row in batch.to_pylist()]
    assert together == alone


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.string()), pa.struct([("a", pa.int8())]), pa.dictionary(pa.int8(), pa.string()), pa.null()]
)
def test_what_cannot_be_packed_is_refused_by_name(kind: pa.DataType) -> None:
    with pytest.raises(ValueError, match="column odd"):
        RowFormat(pa.schema([("odd", kind)]), 1)
