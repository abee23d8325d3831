"""Partitions of a live run that have come to their end, put together: four files for some hundreds of partitions, instead of six each.

A pack is a folder, `packed/FIRST-LAST`, which appears whole: `outbox.parquet` and `verdicts.parquet` with the partitions one behind the
other, `ledger.parquet` with what became of each message (where the ledger is files), and `pack.json`. It is never changed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.ledger.counts import Counts
from engine.ledger.states import Reason, State

OUTBOX, VERDICTS, LEDGER = "outbox.parquet", "verdicts.parquet", "ledger.parquet"
_ABOUT = "pack.json"
_ROWS = 8_192  # in a row group


@dataclass(frozen=True, slots=True)
class Packed:
    """A partition in a pack: how many ``messages``, and the metadata that its outbox had."""

    messages: int
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pack:
    """``first_rows``: where the messages of each partition begin in the pack's outbox; ``counts`` are those of its plan."""

    folder: Path
    partitions: Mapping[int, Packed]
    first_rows: Mapping[int, int]
    counts: Mapping[str, Any]

    def outbox(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The messages of a partition, or some columns of them."""
        table = pq.read_table(self.folder / OUTBOX, columns=None if columns is None else [*columns])
        packed = self.partitions[number]
        return table.slice(self.first_rows[number], packed.messages).replace_schema_metadata(dict(packed.metadata))

    @property
    def outbox_file(self) -> Path:
        return self.folder / OUTBOX

    def verdicts(self, number: int) -> pa.Table:
        return pq.read_table(self.folder / VERDICTS, filters=[("partition", "==", number)]).drop_columns(["partition"])

    @property
    def accounted(self) -> bool:
        """Whether it has what became of its messages; where the ledger is a database, that stays there."""
        return (self.folder / LEDGER).exists()

    def ledger(self) -> pa.Table:
        """What became of its messages, a row each, as an exported ledger has it."""
        return pq.read_table(self.folder / LEDGER)

    def states(self) -> Counts:
        """Its messages by state."""
        return _states(self.folder / LEDGER)

    def keys(self) -> pa.ChunkedArray:
        """The delivery keys of its outbox."""
        return pq.read_table(self.folder / OUTBOX, columns=["key"]).column("key")


class PlanPacks:
    """The packs of one run."""

    def __init__(self, run: Path) -> None:
        self._folder = run / "packed"

    def __iter__(self) -> Iterator[Pack]:
        """All packs, by their first partitions."""
        for name in sorted(self._names(), key=_range):
            yield _read(self._folder / name)

    def numbers(self) -> set[int]:
        """The partitions that are in a pack."""
        return {number for pack in self for number in pack.partitions}

    def find(self, number: int) -> Pack | None:
        """The pack that a partition is in."""
        for name in self._names():
            first, last = _range(name)
            if first <= number <= last and number in (pack := _read(self._folder / name)).partitions:
                return pack
        return None

    def counts(self) -> Counts:
        """The messages of all packs by state."""
        return Counts.total(pack.states() for pack in self if pack.accounted)

    def write(
        self, partitions: Mapping[int, Packed], tables: Mapping[str, pa.Table], counts: Mapping[str, Any]
    ) -> None:
        """Keep these partitions, in the order in which ``tables`` (by file) have them; on the disk when it returns."""
        name = f"{min(partitions)}-{max(partitions)}"
        draft = self._folder / f".{name}.tmp"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for file, table in tables.items():
            pq.write_table(table, draft / file, compression="zstd", row_group_size=_ROWS)
        listed = [[number, each.messages, dict(each.metadata)] for number, each in partitions.items()]
        (draft / _ABOUT).write_text(json.dumps({"partitions": listed, "counts": counts}), encoding="utf-8")
        for path in [*draft.iterdir(), draft]:
            _sync(path)
        draft.replace(self._folder / name)
        _sync(self._folder)

    def _names(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return [path.name for path in self._folder.iterdir() if not path.name.startswith(".")]


@lru_cache(maxsize=1_024)
def _read(folder: Path) -> Pack:
    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    first_rows, row = {}, 0
    for number, messages, _ in about["partitions"]:
        first_rows[number] = row
        row += messages
    partitions = {number: Packed(messages, metadata) for number, messages, metadata in about["partitions"]}
    return Pack(folder, partitions, first_rows, about["counts"])


@lru_cache(maxsize=8_192)
def _states(path: Path) -> Counts:
    states, skipped = [0] * len(State), [0] * len(Reason)
    found = (
        pq.read_table(path, columns=["state", "reason"]).group_by(["state", "reason"]).aggregate([([], "count_all")])
    )
    for row in found.to_pylist():
        state = State[row["state"].upper()]
        states[state] += row["count_all"]
        skipped[Reason[row["reason"].upper()]] += row["count_all"] if state is State.SKIPPED else 0
    return Counts(tuple(states), tuple(skipped))


def _range(name: str) -> tuple[int, int]:
    first, _, last = name.partition("-")
    return int(first), int(last)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
