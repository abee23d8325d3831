"""Parquet, some thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from engine.adapters.connectors.rows import Rows, as_json
from engine.audience.connector import Refused
from engine.audience.incoming import Reading
from engine.errors import InputError

PAGE_ROWS = 16_384


def read(path: Path, source: str, reading: Reading) -> Iterator[Rows]:
    """Raises InputError (MR781 to MR783, MR786 when the file is damaged)."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            reading.check(file.schema_arrow, source)
            first = 1
            for batch in file.iter_batches(PAGE_ROWS, use_threads=False):
                yield _rows(batch, first, source, reading)
                first += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as fault:  # some damaged files raise the last two
        raise InputError.single(
            "MR786",
            f"{source} cannot be read as Parquet: {' '.join(str(fault).split())[:200]}",
            help="is the file whole?",
        ) from fault


def _rows(batch: pa.RecordBatch, first: int, source: str, reading: Reading) -> Rows:
    incoming = reading.columns(batch)
    refused = [
        Refused(source, first + each.row, each.reason, as_json(batch.slice(each.row, 1))) for each in incoming.refused
    ]
    return Rows(incoming.rows, refused)
