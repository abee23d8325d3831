"""Items as the rows that a database takes and gives; instants are UTC microseconds in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from engine.queueing.contract import ITEMS, TAKEN

Row = tuple[Any, ...]


def fields(items: pa.RecordBatch) -> Iterator[Row]:
    """A tuple an item, in the order of ITEMS. Raises ValueError when the columns are others, or hold nulls where none may be."""
    columns = []
    for field in ITEMS:
        column = items.column(field.name)
        if column.type != field.type or (column.null_count and not field.nullable):
            raise ValueError(f"`{field.name}` is not {field.type}{'' if field.nullable else ' without nulls'}")
        columns.append((column.cast(pa.int64()) if pa.types.is_timestamp(field.type) else column).to_pylist())
    return zip(*columns, strict=True)


def taken(rows: Sequence[Row]) -> pa.RecordBatch:
    """Rows, with their tickets behind, as TAKEN."""
    columns = zip(*rows, strict=True) if rows else [()] * len(TAKEN)
    arrays = []
    for values, field in zip(columns, TAKEN, strict=True):
        stored = pa.int64() if pa.types.is_timestamp(field.type) else field.type
        arrays.append(pa.array(values, stored).cast(field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=TAKEN)
