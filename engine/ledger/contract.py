"""What a ledger is: the only truth about what was sent.

A partition has one writer at a time. Whoever claims it gets the next epoch; an append under an older epoch is refused, so
that a writer that was believed dead cannot write again. A claim is refused while the previous owner's lease runs, unless
the store itself can tell that this owner is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Protocol

from engine.errors import RefusedError
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry
from engine.ledger.replay import Standing


class Appender(Protocol):
    """Appends from an event loop, one group at a time."""

    def __call__(self, entries: Sequence[Entry], lease_until: int) -> asyncio.Future[None]:
        """``PartitionLedger.append``, at the end of which the future is. What that raises, the future raises."""

    def close(self) -> None:
        """Let go of what it needs; nothing is under way."""


class PartitionLedger(Protocol):
    """One partition's plan and entries, seen by one owner or reader.

    Every method may block on a disk or a network, and may be called from any thread, but by one at a time.
    """

    def claim(self, owner: str, now: int, lease_until: int) -> int:
        """Become the writer and return the epoch; times are UTC microseconds.

        ``owner`` names the claimant (host, process) for whoever is refused. Raises RefusedError (MR601) while another lives.
        """

    def plan(self, keys: Sequence[bytes], now: int) -> None:
        """Write down, before anything is sent, which messages there are: the delivery key (16 bytes) of each outbox row.

        To plan the same again does nothing. Raises RefusedError: MR603 when other keys stand there already, MR602.
        """

    def append(self, entries: Sequence[Entry], lease_until: int) -> None:
        """Write entries, all or none, and renew the lease (to the second); durable when it returns. No entries: only renew.

        Raises RefusedError (MR602) when a later epoch has taken over or the partition was never claimed, InternalError
        (MR605, MR606) when the state table forbids an entry, and FileAccessError, TryAgainError or ServiceError when the store
        cannot write: then nothing was written, and the same call may be tried again.
        """

    def appender(self, executor: Executor) -> Appender:
        """A way to append from the running event loop, which is not held up; ``executor`` has a thread for what would do that."""

    def release(self) -> None:
        """Give the claim up, if it is still ours: the next claim is granted at once."""

    def keys(self) -> list[bytes]:
        """The delivery keys that were planned, by row; empty when nothing was. Raises InputError (MR604)."""

    def replay(self) -> Standing:
        """Where each planned message stands; a reader needs no claim. Raises InputError (MR604) for a damaged ledger."""

    def close(self) -> None:
        """Release, and let go of files and connections."""


class Ledger(Protocol):
    """A run's ledger."""

    def partitions(self) -> Sequence[int]:
        """The partitions that the ledger knows, ascending."""

    def partition(self, number: int) -> PartitionLedger:
        """A partition of its own for the caller, made when it does not exist. Close it after use."""

    def counts(self) -> Counts:
        """Messages by state over all partitions, from the ledger alone."""


class ThreadAppender:
    """Appends in a thread."""

    def __init__(self, ledger: PartitionLedger, executor: Executor) -> None:
        self._ledger = ledger
        self._executor = executor
        self._loop = asyncio.get_running_loop()

    def __call__(self, entries: Sequence[Entry], lease_until: int) -> asyncio.Future[None]:
        return self._loop.run_in_executor(self._executor, self._ledger.append, entries, lease_until)

    def close(self) -> None:
        pass


def refuse_claim(number: int, owner: str) -> RefusedError:
    return RefusedError.single(
        "MR601",
        f"partition {number} is being delivered by {owner}",
        help="wait until that process has ended; its lease runs out by itself",
    )


def refuse_stale(number: int) -> RefusedError:
    return RefusedError.single(
        "MR602",
        f"this process is not, or no longer, the writer of partition {number}",
        help="another process has taken the partition over; nothing more is sent from here",
    )


def refuse_plan(number: int) -> RefusedError:
    return RefusedError.single(
        "MR603",
        f"the ledger of partition {number} was made for other messages",
        help="the outbox changed since the run began; start a new run",
    )
