"""Puts partitions that have come to their end into packs, and takes their small files away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engine.adapters.stores.ledger_archive import LedgerArchive
from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.plan_packs import LEDGER, VERDICTS, PlanPacks
from engine.ledger.states import TERMINAL

LEAST, MOST = 64, 512
"""Partitions in a pack: to make one takes a second or a few, most of it to take the files away."""
_ENDED = pa.array([state.name.lower() for state in sorted(TERMINAL)])
MANY = 65_536
"""Messages that are enough for a pack, in however few partitions."""
PlanFigures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Ended:
    """A partition of which nothing can change any more; ``ledger`` is None where it never had a message."""

    number: int
    verdicts: pa.Table
    outbox: pa.RecordBatch
    ledger: pa.Table | None
    counts: PlanFigures


class Packing:
    """Of one run, which the caller holds. ``files``: the ledger is files in ``ledger``, and goes into the pack; a database keeps its own.

    ``total`` adds up what is known of partitions in numbers.
    """

    def __init__(
        self,
        run: Path,
        ledger: Path,
        total: Callable[[Iterable[PlanFigures]], PlanFigures],
        *,
        files: bool,
        least: int = LEAST,
    ) -> None:
        self._plans = PlanFiles(run)
        self._packs = PlanPacks(run)
        self._archive = LedgerArchive(ledger)
        self._ledger = SqliteLedger(ledger)
        self._total = total
        self._files = files
        self._least = least

    def pack(self, before: int) -> int:
        """Pack some of the partitions that were planned before an instant (UTC microseconds), and give how many; 0 if few have ended.

        Whoever is killed before the pack is there leaves all as it was, and after it what the next one takes away.
        """
        self._remove(self._packs.among(self._plans.unpacked()))
        alike: dict[str, list[_Ended]] = {}
        for each in self._ended(before):
            group = alike.setdefault(str(each.outbox.schema.remove_metadata()), [])
            group.append(each)
            if len(group) == MOST or _messages(group) >= MANY:
                break
        chosen = max(alike.values(), key=lambda group: (_messages(group) >= MANY, len(group)), default=[])
        if len(chosen) < self._least and _messages(chosen) < MANY:
            return 0
        self._write(chosen)
        self._remove(each.number for each in chosen)
        return len(chosen)

    def _ended(self, before: int) -> Iterator[_Ended]:
        closed = self._archive.partitions()
        for number in self._plans.unpacked():
            result = self._plans.result(number)
            if result is None or result["at"] >= before:
                return
            if not result["counts"]["messages"]:
                ledger = None
            elif number in closed:
                ledger = self._archive.read(number)
                if not pc.all(pc.is_in(ledger["state"], _ENDED)).as_py():
                    continue
            else:
                continue
            outbox, verdicts = self._plans.outbox(number), self._plans.verdicts(number)
            yield _Ended(number, verdicts, outbox, ledger, result["counts"])

    def _write(self, chosen: list[_Ended]) -> None:
        tables = {
            VERDICTS: pa.concat_tables(
                each.verdicts.add_column(0, "partition", pa.array([each.number] * len(each.verdicts)))
                for each in chosen
            ),
        }
        ledgers = [_as_exported(each.number, each.outbox, each.ledger) for each in chosen if each.ledger is not None]
        if self._files and ledgers:
            tables[LEDGER] = pa.concat_tables(ledgers)
        counts = self._total(each.counts for each in chosen)
        self._packs.write({each.number: each.outbox for each in chosen}, tables, counts)

    def _remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if self._files:
                self._ledger.remove(number)
            self._archive.remove(number)
            self._plans.remove(number)


def _messages(partitions: Sequence[_Ended]) -> int:
    return sum(each.outbox.num_rows for each in partitions)


def _as_exported(number: int, outbox: pa.RecordBatch, ledger: pa.Table) -> pa.Table:
    table = ledger.replace_schema_metadata(None)
    step = outbox.column("step").cast(pa.string())
    return table.add_column(0, "partition", pa.array([number] * len(table))).add_column(3, "step", step)
