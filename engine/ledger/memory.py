"""The ledger that is gone when the process ends: for rehearsals and tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Executor

from engine.errors import Place
from engine.ledger.contract import Appender, refuse_claim, refuse_plan, refuse_stale
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry, Log
from engine.ledger.replay import Standing, replay
from engine.ledger.tally import Tally, fresh


class _Store:
    """What all views of one partition share."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()
        self.epoch = 0
        self.owner = ""
        self.lease_until = 0
        self.keys: list[bytes] | None = None
        self.planned_at = 0
        self.entries: list[Entry] = []
        self.tally: Tally = fresh(0)


class MemoryPartition:
    def __init__(self, store: _Store) -> None:
        self._store = store
        self._epoch: int | None = None

    def claim(self, owner: str, now: int, lease_until: int) -> int:
        store = self._store
        with store.lock:
            if store.lease_until > now:
                raise refuse_claim(store.number, store.owner)
            store.epoch, store.owner, store.lease_until = store.epoch + 1, owner, lease_until
            self._epoch = store.epoch
            return store.epoch

    def plan(self, keys: Sequence[bytes], now: int) -> None:
        store = self._store
        with store.lock:
            self._check_epoch()
            if store.keys is None:
                store.keys, store.planned_at, store.tally = list(keys), now, fresh(len(keys))
            elif store.keys != list(keys):
                raise refuse_plan(store.number)

    def append(self, entries: Sequence[Entry], lease_until: int) -> None:
        store = self._store
        with store.lock:
            self._check_epoch()
            store.tally.enter_all(entries)
            store.entries.extend(entries)
            store.lease_until = lease_until

    def appender(self, executor: Executor) -> Appender:
        return _AtOnce(self)

    def release(self) -> None:
        with self._store.lock:
            if self._store.epoch == self._epoch:
                self._store.lease_until = 0
            self._epoch = None

    def keys(self) -> list[bytes]:
        return list(self._store.keys or ())

    def replay(self) -> Standing:
        store = self._store
        with store.lock:
            return replay(len(store.keys or ()), store.planned_at, Log.of(store.entries), Place("memory"))

    def close(self) -> None:
        self.release()

    def _check_epoch(self) -> None:
        if self._epoch != self._store.epoch:
            raise refuse_stale(self._store.number)


class _AtOnce:
    """Memory holds nobody up."""

    def __init__(self, partition: MemoryPartition) -> None:
        self._partition = partition
        self._loop = asyncio.get_running_loop()

    def __call__(self, entries: Sequence[Entry], lease_until: int) -> asyncio.Future[None]:
        done = self._loop.create_future()
        try:
            self._partition.append(entries, lease_until)
        except Exception as fault:
            done.set_exception(fault)
        else:
            done.set_result(None)
        return done

    def close(self) -> None:
        pass


class MemoryLedger:
    def __init__(self) -> None:
        self._stores: dict[int, _Store] = {}

    def partitions(self) -> Sequence[int]:
        return sorted(self._stores)

    def partition(self, number: int) -> MemoryPartition:
        return MemoryPartition(self._stores.setdefault(number, _Store(number)))

    def counts(self) -> Counts:
        return Counts.total(self.partition(number).replay().counts() for number in self.partitions())
