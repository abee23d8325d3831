"""Closed partitions of a ledger as Parquet files: a row a message, for analysis and at a tenth of the size.

They are copies. What was sent is for the ledger alone to say, and nothing is ever read from here to decide it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.errors import CannotCreateError, InputError, Place
from engine.ledger.states import State

_ENTRIES = b"mailray.entries"
_DAMAGE = (pa.ArrowInvalid, OSError, ValueError)


class LedgerArchive:
    """``part-NNNNN.parquet`` in one folder, each written whole or not at all, with the number of entries that it was made from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def entries(self, number: int) -> int | None:
        """From how many entries a partition's file was made; None when there is none."""
        path = self._path(number)
        if not path.exists():
            return None
        try:
            return int((pq.read_schema(path).metadata or {}).get(_ENTRIES, b"-1"))
        except _DAMAGE:
            return -1

    def partitions(self) -> set[int]:
        """The partitions that have a file."""
        return {int(path.stem.removeprefix("part-")) for path in self._folder.glob("part-*.parquet")}

    def write(self, number: int, entries: int, table: pa.Table) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        metadata = {_ENTRIES: str(entries).encode()}
        write_parquet(self._path(number), [table.replace_schema_metadata(metadata)])

    def read(self, number: int) -> pa.Table:
        """Raises InputError (MR615) for a damaged file."""
        path = self._path(number)
        try:
            with pq.ParquetFile(path) as file:
                return file.read()
        except _DAMAGE as fault:
            raise InputError.single(
                "MR615", "the file of a closed partition is damaged", place=Place(str(path))
            ) from fault

    def has(self, number: int, state: State) -> bool:
        """Whether a message of a closed partition is in a state; also where the file cannot be read."""
        try:
            states = pq.read_table(self._path(number), columns=["state"])["state"]
        except _DAMAGE:
            return True
        return bool(pc.any(pc.equal(states, state.name.lower())).as_py())

    def remove(self, number: int) -> None:
        """The partition is open again."""
        self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"part-{number:05d}.parquet"


def write_parquet(path: Path, tables: Iterable[pa.Table]) -> int:
    """Write tables of one schema as row groups, durably and all or nothing, and give the number of rows.

    Raises CannotCreateError (MR616) when there is no table or the file cannot be written.
    """
    draft, rows = path.with_name(f"{path.name}.{os.getpid()}.tmp"), 0
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables:
            writer = writer or pq.ParquetWriter(draft, table.schema, compression="zstd")
            writer.write_table(table)
            rows += table.num_rows
        if writer is None:
            raise CannotCreateError.single("MR616", f"{path} would be empty: nothing was planned yet")
        writer.close()
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as fault:
        raise CannotCreateError.single("MR616", f"{path} cannot be written: {fault.strerror or fault}") from fault
    finally:
        draft.unlink(missing_ok=True)
    return rows
