"""Rows divided by a key into files of which each fits into memory: all of one key are in one file, in the order in which they came."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from engine.audience.columns import text_of_key

GATHERED = 131_072
"""Rows that are divided at a time, so that no file has pieces of a few rows."""
_OPTIONS = ipc.IpcWriteOptions(compression="lz4")


class PartitionFiles:
    """``folder`` holds ``NAME-NNNN.arrow`` for each of ``count`` partitions, whose rows no more than this process has to hold at once."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self.count = count

    def divide(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, key: str) -> None:
        """Keep rows, the column ``key`` of which decides where. A partition that gets none is a file without rows."""
        self._folder.mkdir(parents=True, exist_ok=True)
        writers = [ipc.new_file(self._path(name, number), schema, options=_OPTIONS) for number in range(self.count)]
        try:
            for table in _gathered(batches, schema):
                for number, rows in enumerate(self._of(table.column(key))):
                    if len(rows):
                        writers[number].write_table(table.take(pa.array(rows)))
        finally:
            for writer in writers:
                writer.close()

    def keep(self, name: str, number: int, rows: pa.Table, schema: pa.Schema) -> None:
        """Keep rows of a partition that belong beside its own."""
        with ipc.new_file(self._path(name, number), schema, options=_OPTIONS) as writer:
            writer.write_table(rows)

    def read(self, name: str, number: int) -> pa.Table:
        with ipc.open_file(self._path(name, number)) as file:
            return file.read_all()

    def _path(self, name: str, number: int) -> str:
        return str(self._folder / f"{name}-{number:04d}.arrow")

    def _of(self, keys: pa.ChunkedArray) -> list[np.ndarray]:
        """The rows of each partition."""
        texts = text_of_key(keys.combine_chunks()).to_pylist()
        number = np.array([zlib.crc32(each.encode()) for each in texts], dtype=np.int64) % self.count
        order = np.argsort(number, kind="stable")
        return np.split(order, np.cumsum(np.bincount(number, minlength=self.count))[:-1])


def _gathered(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterable[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= GATHERED:
            yield pa.Table.from_batches(waiting, schema)
            waiting, rows = [], 0
    if rows:
        yield pa.Table.from_batches(waiting, schema)
