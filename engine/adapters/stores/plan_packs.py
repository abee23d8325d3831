"""Partitions of a live run that have come to their end, put together: four files for some hundreds of partitions, instead of six each.

A pack is a folder, `packed/FIRST-LAST`, which appears whole: `outbox.parquet` and `verdicts.parquet` with the partitions one behind the
other, `ledger.parquet` with what became of each message (where the ledger is files), and `pack.json`. It is never changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from engine.adapters.stores.disk_sync import sync
from engine.ledger.counts import Counts
from engine.ledger.states import Reason, State

OUTBOX, VERDICTS, LEDGER = "outbox.parquet", "verdicts.parquet", "ledger.parquet"
_ABOUT = "pack.json"
_ROWS = 8_192  # in a row group


@dataclass(frozen=True, slots=True)
class Pack:
    """``numbers`` are its partitions; the messages of the n-th are rows ``first_rows[n]`` to ``first_rows[n + 1]`` of its outbox."""

    folder: Path
    numbers: npt.NDArray[np.int64]
    first_rows: npt.NDArray[np.int64]

    def __contains__(self, number: int) -> bool:
        return bool((self.numbers == number).any())

    def rows(self, number: int) -> range:
        """The rows of a partition's messages."""
        place = int(np.flatnonzero(self.numbers == number)[0])
        return range(int(self.first_rows[place]), int(self.first_rows[place + 1]))

    def outbox(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The messages of a partition, or some columns of them."""
        table, rows = (
            pq.read_table(self.outbox_file, columns=None if columns is None else [*columns]),
            self.rows(number),
        )
        return table.slice(rows.start, len(rows)).replace_schema_metadata(self._about()["metadata"][str(number)])

    @property
    def counts(self) -> dict[str, Any]:
        """Those of its plan."""
        return dict(self._about()["counts"])

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

    def _about(self) -> dict[str, Any]:
        about: dict[str, Any] = json.loads((self.folder / _ABOUT).read_text(encoding="utf-8"))
        return about

    def keys(self) -> pa.ChunkedArray:
        """The delivery keys of its outbox."""
        return pq.read_table(self.folder / OUTBOX, columns=["key"]).column("key")


class PlanPacks:
    """The packs of one run."""

    def __init__(self, run: Path) -> None:
        self._folder = run / "packed"

    def __iter__(self) -> Iterator[Pack]:
        """All packs, by their first partitions."""
        return map(self.read, sorted(self.names(), key=_range))

    def names(self) -> list[str]:
        """The names of all packs; a pack never changes."""
        if not self._folder.is_dir():
            return []
        return [path.name for path in self._folder.iterdir() if not path.name.startswith(".")]

    def read(self, name: str) -> Pack:
        return _read(self._folder / name)

    def numbers(self) -> set[int]:
        """All partitions that are in a pack."""
        return {number for pack in self for number in pack.numbers.tolist()}

    def among(self, numbers: Iterable[int]) -> set[int]:
        """Which of these partitions are in a pack."""
        asked = np.array(sorted(numbers), dtype=np.int64)
        found: set[int] = set()
        for name in self.names() if len(asked) else ():
            first, last = _range(name)
            if np.searchsorted(asked, first) < np.searchsorted(asked, last, "right"):
                found.update(np.intersect1d(asked, self.read(name).numbers).tolist())
        return found

    def find(self, number: int) -> Pack | None:
        """The pack that a partition is in."""
        for name in self.names():
            first, last = _range(name)
            if first <= number <= last and number in (pack := self.read(name)):
                return pack
        return None

    def counts(self) -> Counts:
        """The messages of all packs by state."""
        return Counts.total(pack.states() for pack in self if pack.accounted)

    def write(
        self,
        outboxes: Mapping[int, pa.RecordBatch],
        tables: Mapping[str, pa.Table],
        counts: Mapping[str, Any],
    ) -> None:
        """Keep these partitions, whose rows are in ``tables`` (by file) in the same order; on the disk when it returns."""
        name = f"{min(outboxes)}-{max(outboxes)}"
        draft = self._folder / f".{name}.tmp"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        outbox = pa.Table.from_batches([each.replace_schema_metadata(None) for each in outboxes.values()])
        for file, table in {OUTBOX: outbox, **tables}.items():
            pq.write_table(table, draft / file, compression="zstd", row_group_size=_ROWS)
        about = {
            "messages": {number: each.num_rows for number, each in outboxes.items()},
            "metadata": {number: _as_text(each.schema.metadata) for number, each in outboxes.items()},
            "counts": counts,
        }
        (draft / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
        for path in [*draft.iterdir(), draft]:
            sync(path)
        draft.replace(self._folder / name)
        sync(self._folder)


@lru_cache(maxsize=4_096)
def _read(folder: Path) -> Pack:
    messages = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))["messages"]
    first_rows = np.cumsum([0, *messages.values()], dtype=np.int64)
    return Pack(folder, np.array([int(number) for number in messages], dtype=np.int64), first_rows)


@lru_cache(maxsize=4_096)
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


def _as_text(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in (metadata or {}).items()}


def _range(name: str) -> tuple[int, int]:
    first, _, last = name.partition("-")
    return int(first), int(last)
