"""The ledger of a live run: files, and in packs what became of the messages of partitions that have come to their end."""

from __future__ import annotations

from collections.abc import Sequence

from engine.adapters.stores.ledger_sqlite import SqliteLedger, SqlitePartition
from engine.adapters.stores.plan_packs import PlanPacks
from engine.errors import RefusedError
from engine.ledger.counts import Counts


class PackedLedger:
    """A ``Ledger``; its partitions are those that are not in a pack."""

    def __init__(self, ledger: SqliteLedger, packs: PlanPacks) -> None:
        self._ledger = ledger
        self._packs = packs

    def partitions(self) -> Sequence[int]:
        numbers = self._ledger.partitions()
        packed = self._packs.among(numbers)
        return [number for number in numbers if number not in packed]

    def partition(self, number: int) -> SqlitePartition:
        """Raises RefusedError (MR868) for a partition that is in a pack: there is nothing left to write of it."""
        if self._packs.find(number) is not None:
            raise RefusedError.single("MR868", f"partition {number} has come to its end and was put away")
        return self._ledger.partition(number)

    def counts(self) -> Counts:
        counts = self._packs.counts()
        for number in self.partitions():
            partition = self._ledger.partition(number)
            try:
                counts += partition.counts()
            finally:
                partition.close()
        return counts
