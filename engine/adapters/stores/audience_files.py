"""The frozen audience as Parquet files in the run's folder, a block a row group."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.adapters.stores.statements import statement
from engine.audience import addresses
from engine.audience.columns import text_of_key
from engine.audience.eligibility import Marks
from engine.audience.partitions import BLOCK_ROWS

BLOCKS_IN_FILE = 128  # about a million rows: the footer of one file stays small
MEMORY_FOR_MARKS = "128MB"  # beyond it, the search for duplicates goes to disk
_SEEN = pa.schema([("row", pa.int64()), ("key", pa.string()), ("address", pa.string())])
_SUPPRESSION = pa.schema([("address", pa.string())])


class AudienceFiles:
    """``folder`` holds ``part-NNNNN.parquet`` and ``marks.parquet`` (rows that have a mark, by number)."""

    def __init__(self, folder: Path, *, key: str, email: str) -> None:
        self._folder = folder
        self._key = key
        self._email = email

    def freeze(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, suppressed: Iterable[pa.StringArray]
    ) -> tuple[int, str]:
        shutil.rmtree(self._folder, ignore_errors=True)
        work = self._folder / "work"
        work.mkdir(parents=True)
        rows = self._write(batches, schema, work / "seen.parquet")
        with pq.ParquetWriter(work / "suppression.parquet", _SUPPRESSION) as writer:
            for column in suppressed:
                writer.write_table(pa.table([addresses.normalise(column)], schema=_SUPPRESSION))
        self._mark(work)
        shutil.rmtree(work)
        return rows, self._digest()

    def blocks(self, start: int, stop: int) -> Iterator[tuple[int, pa.RecordBatch, Marks]]:
        marks = pq.read_table(self._folder / "marks.parquet", filters=[("row", ">=", start), ("row", "<", stop)])
        for first in range(start, stop, BLOCK_ROWS):
            block = self._block(first // BLOCK_ROWS)
            yield first, block, _marks_of(marks, first, block.num_rows)

    def _write(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, seen: Path) -> int:
        rows = 0
        writer: pq.ParquetWriter | None = None
        with pq.ParquetWriter(seen, _SEEN) as seen_writer:
            for number, batch in enumerate(batches):
                if number % BLOCKS_IN_FILE == 0:
                    if writer is not None:
                        writer.close()
                    writer = pq.ParquetWriter(self._file(number), schema, compression="zstd")
                assert writer is not None
                writer.write_batch(batch, row_group_size=BLOCK_ROWS)
                seen_writer.write_batch(self._seen(batch, rows))
                rows += batch.num_rows
        if writer is not None:
            writer.close()
        return rows

    def _seen(self, batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
        email = addresses.normalise(batch.column(self._email))
        present = pc.if_else(pc.equal(pc.binary_length(email), 0), pa.scalar(None, pa.string()), email)
        row = pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64))
        return pa.RecordBatch.from_arrays([row, text_of_key(batch.column(self._key)), present], schema=_SEEN)

    def _mark(self, work: Path) -> None:
        """Each statement alone and in one thread: then DuckDB needs no more than its limit and does the rest on disk."""
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY_FOR_MARKS,
            "temp_directory": str(work / "spill"),
            "threads": 1,
        }
        with duckdb.connect(config=config) as connection:
            for table in ("seen", "suppression"):
                connection.read_parquet(str(work / f"{table}.parquet")).create_view(table)
            for name in ("repeated_addresses", "repeated_keys", "suppressed"):
                connection.sql(statement("audience", name)).write_parquet(str(work / f"{name}.parquet"))
                connection.read_parquet(str(work / f"{name}.parquet")).create_view(name)
            connection.sql(statement("audience", "marks")).write_parquet(str(self._folder / "marks.parquet"))

    def _digest(self) -> str:
        whole = hashlib.sha256()
        for path in sorted(self._folder.glob("*.parquet")):
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()

    def _file(self, block: int) -> Path:
        return self._folder / f"part-{block // BLOCKS_IN_FILE:05d}.parquet"

    def _block(self, number: int) -> pa.RecordBatch:
        with pq.ParquetFile(self._file(number)) as file:
            table = file.read_row_group(number % BLOCKS_IN_FILE)
        return table.combine_chunks().to_batches()[0]


def _marks_of(marks: pa.Table, first: int, rows: int) -> Marks:
    row = marks["row"].to_numpy()
    here = slice(*np.searchsorted(row, [first, first + rows]))
    at = row[here] - first
    masks = []
    for name in ("duplicate", "suppressed"):
        mask = np.zeros(rows, dtype=np.bool_)
        mask[at] = marks[name].to_numpy()[here]
        masks.append(mask)
    return Marks(*masks)
