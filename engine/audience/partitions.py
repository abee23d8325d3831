"""The fixed slices of an audience.

A block is the unit of evaluation, of a Parquet row group and of the digest; it never depends on how work is scheduled. A partition is a
whole number of blocks: the unit of scheduling, of retry and of resume. That is why any partition size gives the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

BLOCK_ROWS = 8_192


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows ``start`` (a multiple of BLOCK_ROWS) to ``stop`` (exclusive) of a frozen audience."""

    number: int
    start: int
    stop: int


def partitions(rows: int, partition_rows: int) -> list[Partition]:
    """The audience of ``rows`` rows in slices of ``partition_rows``, rounded up to whole blocks."""
    size = -(-partition_rows // BLOCK_ROWS) * BLOCK_ROWS
    return [Partition(number, start, min(start + size, rows)) for number, start in enumerate(range(0, rows, size))]


def in_blocks(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of BLOCK_ROWS; the last may be shorter."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= BLOCK_ROWS:
            table = pa.Table.from_batches(waiting, schema)
            yield _as_batch(table.slice(0, BLOCK_ROWS))
            waiting = table.slice(BLOCK_ROWS).to_batches()
            rows -= BLOCK_ROWS
    if rows:
        yield _as_batch(pa.Table.from_batches(waiting, schema))


def _as_batch(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]
