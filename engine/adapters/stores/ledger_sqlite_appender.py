"""Appending to the embedded ledger from an event loop: it writes at once, and the kernel waits for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Protocol

from engine.adapters.stores.disk_sync import DiskSync
from engine.errors import MailrayError
from engine.ledger.entries import Entry

SETTLED_EVERY = 128
"""Groups. A WAL that grows costs a sync twice the processor time of one that is written over."""


class SyncedElsewhere(Protocol):
    """A partition that can leave the syncing to somebody else."""

    def append(self, entries: Sequence[Entry], lease_until: int) -> None: ...

    def leave_syncing(self) -> int: ...

    def settle(self, wal: int) -> None: ...

    def resume_syncing(self, wal: int) -> None: ...

    def lost(self, fault: OSError) -> MailrayError: ...


class PromptAppender:
    """Some 30 microseconds of the event loop a group, and no thread; but from time to time, to move the WAL.

    Raises OSError where the system cannot sync without a thread.
    """

    def __init__(self, partition: SyncedElsewhere, executor: Executor) -> None:
        self._partition = partition
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._groups = 0
        self._wal = partition.leave_syncing()
        try:
            self._sync = DiskSync(self._wal, partition.lost)
        except OSError:
            partition.resume_syncing(self._wal)
            raise

    def __call__(self, entries: Sequence[Entry], lease_until: int) -> asyncio.Future[None]:
        try:
            self._partition.append(entries, lease_until)
        except Exception as fault:
            failed = self._loop.create_future()
            failed.set_exception(fault)
            return failed
        self._groups += 1
        if self._groups % SETTLED_EVERY:
            return self._sync()
        return self._loop.run_in_executor(self._executor, self._partition.settle, self._wal)

    def close(self) -> None:
        self._sync.close()
        self._partition.resume_syncing(self._wal)
