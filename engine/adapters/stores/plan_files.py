"""Verdicts and outbox as Parquet files in the run's folder: a file a partition, a row group a block; or in packs, of a live run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.adapters.stores.plan_packs import Pack, PlanPacks

_FEW = 8_192  # rows, for which to wake other threads takes longer than to read them


class PlanFiles:
    """The plan's partitions. A partition is there when its result is: ``outbox/part-NNNNN.json`` is written last."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._packs = PlanPacks(run)

    def write(self, number: int, blocks: Iterable[tuple[pa.RecordBatch, pa.RecordBatch]]) -> list[str]:
        """Keep a partition's verdicts and outbox and give the SHA-256 of each block's messages, in hexadecimal.

        The digest is that of the row group's bytes, which depend on the rows alone and not on where in which file they stand.
        """
        with _Draft(self._path("verdicts", number)) as verdicts, _Draft(self._path("outbox", number)) as outbox:
            filled = []
            for verdict_rows, messages in blocks:
                verdicts.write(verdict_rows)
                outbox.write(messages)
                filled.append(messages.num_rows > 0)
        groups = iter(_row_group_digests(self._path("outbox", number)) if any(filled) else ())
        return [next(groups) if each else "" for each in filled]

    def finish(self, number: int, result: Mapping[str, Any]) -> None:
        path = self._path("outbox", number).with_suffix(".json")
        draft = path.with_suffix(".json.tmp")
        draft.write_text(json.dumps(result))
        draft.replace(path)

    def commit(self, number: int, verdicts: pa.RecordBatch, outbox: pa.RecordBatch, result: Mapping[str, Any]) -> None:
        """Keep a partition that cannot be planned again: on the disk when this returns, and not there before its result is."""
        for kind, batch in (("verdicts", verdicts), ("outbox", outbox)):
            with _Draft(self._path(kind, number), durable=True) as draft:
                draft.write(batch)
            sync_folder(self._run / kind)
        path = self._path("outbox", number).with_suffix(".json")
        written = path.with_suffix(".json.tmp")
        with written.open("w", encoding="utf-8") as file:
            json.dump(result, file)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
        sync_folder(path.parent)

    def result(self, number: int) -> dict[str, Any] | None:
        """What ``finish`` kept, or None when the partition has not been planned to its end, or is in a pack."""
        path = self._path("outbox", number).with_suffix(".json")
        return json.loads(path.read_text()) if path.exists() else None

    def partitions(self) -> list[int]:
        """The partitions that are planned to their end, ascending."""
        return sorted({*self.unpacked(), *self._packs.numbers()})

    def unpacked(self) -> list[int]:
        """Those of them that have files of their own, ascending; they may be in a pack that was just made, too."""
        return sorted(int(path.stem.removeprefix("part-")) for path in (self._run / "outbox").glob("part-*.json"))

    def open(self, closed: Collection[int]) -> list[int]:
        """Those of them, ascending, that are neither in a pack nor closed."""
        numbers = [number for number in self.unpacked() if number not in closed]
        packed = self._packs.among(numbers)
        return [number for number in numbers if number not in packed]

    def counts(self) -> Iterator[dict[str, Any]]:
        """What is known of planned partitions in numbers, of those in a pack together."""
        unpacked = self.unpacked()
        packed = self._packs.among(unpacked)
        yield from (pack.counts for pack in self._packs)
        for number in unpacked:
            result = self.result(number)
            if result is not None and number not in packed:
                yield result["counts"]

    def remove(self, number: int) -> None:
        """Take the files of a partition away, which is in a pack; as long as one is left it is among ``unpacked``."""
        outbox = self._path("outbox", number)
        for path in (self._path("verdicts", number), outbox, outbox.with_suffix(".json")):
            path.unlink(missing_ok=True)

    def outbox(self, number: int) -> pa.RecordBatch:
        """The messages of a partition, in order. Raises InputError through pyarrow's faults only if the file is damaged."""
        table = self._messages(number)
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)

    def keys(self, number: int) -> list[bytes]:
        """The delivery keys of a partition, by row; none for a partition without messages."""
        known = self._path("outbox", number).exists() or self._packs.find(number) is not None
        return self.column(number, "key").to_pylist() if known else []

    def column(self, number: int, name: str) -> pa.ChunkedArray:
        """One column of a partition's messages."""
        return self._messages(number, [name]).column(name)

    def message(self, number: int, row: int, columns: Sequence[str]) -> dict[str, Any] | None:
        """Columns of one message, or None when it is not there; no more than its row group is read."""
        try:
            with pq.ParquetFile(self._path("outbox", number)) as file:
                return _row(file, row, columns)
        except FileNotFoundError:
            pack = self._packs.find(number)
            rows = range(0) if pack is None else pack.rows(number)
            if pack is None or row >= len(rows):
                return None
            with pq.ParquetFile(pack.outbox_file) as file:
                return _row(file, rows[row], columns)

    def verdicts(self, number: int) -> pa.Table:
        try:
            with pq.ParquetFile(self._path("verdicts", number)) as file:
                return file.read()
        except FileNotFoundError:
            return self._pack(number).verdicts(number)

    def _messages(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        try:
            with pq.ParquetFile(self._path("outbox", number)) as file:
                return file.read(columns=columns, use_threads=file.metadata.num_rows > _FEW)
        except FileNotFoundError:
            return self._pack(number).outbox(number, columns)

    def _pack(self, number: int) -> Pack:
        pack = self._packs.find(number)
        if pack is None:
            raise FileNotFoundError(self._path("outbox", number))
        return pack

    def _path(self, kind: str, number: int) -> Path:
        return self._run / kind / f"part-{number:05d}.parquet"


def _row(file: pq.ParquetFile, row: int, columns: Sequence[str]) -> dict[str, Any] | None:
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if row < rows:
            found: list[dict[str, Any]] = file.read_row_group(group, columns=[*columns]).slice(row, 1).to_pylist()
            return found[0]
        row -= rows
    return None


class _Draft:
    """A Parquet file under another name until it is whole."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self._path = path
        self._durable = durable
        self._draft = path.with_suffix(f".{os.getpid()}.tmp")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _Draft:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._draft, batch.schema, compression="zstd")
        if batch.num_rows:
            self._writer.write_batch(batch, row_group_size=batch.num_rows)

    def __exit__(self, kind: object, fault: object, trace: object) -> None:
        if self._writer is not None:
            self._writer.close()
            if fault is None:
                if self._durable:
                    _sync(self._draft, os.O_RDONLY)
                self._draft.replace(self._path)
            else:
                self._draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """A file's name is durable only when its folder is."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _row_group_digests(path: Path) -> list[str]:
    metadata = pq.read_metadata(path)
    digests = []
    with path.open("rb") as file:
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            columns = [group.column(each) for each in range(group.num_columns)]
            start = min(each.dictionary_page_offset or each.data_page_offset for each in columns)
            file.seek(start)
            digests.append(hashlib.sha256(file.read(sum(each.total_compressed_size for each in columns))).hexdigest())
    return digests
