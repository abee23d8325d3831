"""Group commit: many connections wait for one write to the disk.

A connection that announces an intent waits until it is durable. Intents are gathered until all connections wait, or the first of
them has waited long enough; what has come meanwhile goes with the next write. Outcomes ride along: they may be late, because losing
one only makes a doubt, never a loss or a second message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engine.errors import InternalError, MailrayError
from engine.ledger.entries import Entry
from engine.ledger.states import Reason, State

INTENT_WAIT = 0.005
OUTCOME_WAIT = 0.05

Append = Callable[[Sequence[Entry]], asyncio.Future[None]]


class Journal:
    """Writes a partition's entries in order, one group at a time, through ``append``, whose future is done when a group is durable.

    ``group`` is how many may wait at most: the connections that there are. It fails closed: after a write that failed nobody is told
    to go on, and ``fault`` says why.
    """

    def __init__(self, append: Append) -> None:
        self._append = append
        self._loop = asyncio.get_running_loop()
        self._entries: list[Entry] = []
        self._waiters: list[asyncio.Future[bool]] = []
        self._writing: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._overdue = False
        self.group = 1
        self.fault: MailrayError | None = None

    def intent(self, entry: Entry) -> asyncio.Future[bool]:
        """Write an intent; the result is True once it is durable, False when it is not and the message must not go."""
        durable = self._loop.create_future()
        if self.fault is not None:
            durable.set_result(False)
            return durable
        self._entries.append(entry)
        self._waiters.append(durable)
        if len(self._waiters) >= self.group:
            self._write()
        elif len(self._waiters) == 1:
            self._arm(INTENT_WAIT)
        return durable

    def record(self, entry: Entry) -> None:
        """Write an entry soon."""
        self._entries.append(entry)
        if self._timer is None and self._writing is None:
            self._arm(OUTCOME_WAIT)

    def renew(self) -> None:
        """Write even if there is nothing to write: the lease is renewed."""
        self._write()

    async def close(self) -> None:
        """Write what is left. Raises what made the journal fail, or fail now."""
        while self._writing is not None:
            await asyncio.wait([self._writing])
        if self._timer is not None:
            self._timer.cancel()
        if self._entries:
            entries, self._entries = self._entries, []
            await self._append(entries)
        if self.fault is not None:
            raise self.fault

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._write)

    def _write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            self._overdue = True
            return
        if self.fault is not None:
            return
        entries, self._entries = self._entries, []
        waiters, self._waiters = self._waiters, []
        self._writing = self._append(entries)
        self._writing.add_done_callback(lambda writing: self._written(writing, entries, waiters))

    def _written(
        self, writing: asyncio.Future[None], entries: list[Entry], waiters: list[asyncio.Future[bool]]
    ) -> None:
        self._writing = None
        fault = asyncio.CancelledError() if writing.cancelled() else writing.exception()
        if fault is not None:
            self._fail(fault, entries, waiters)
            return
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(True)
        overdue, self._overdue = self._overdue, False
        if overdue or len(self._waiters) >= self.group:
            self._write()
        elif self._waiters:
            self._arm(INTENT_WAIT)
        elif self._entries:
            self._arm(OUTCOME_WAIT)

    def _fail(self, fault: BaseException, entries: list[Entry], waiters: list[asyncio.Future[bool]]) -> None:
        """A failed group was not written, or nobody can tell. Its outcomes are true all the same, and its intents are taken back, for
        nobody was told to go on: both are kept for one last try."""
        self.fault = fault if isinstance(fault, MailrayError) else _unexpected(fault)
        self._entries = [_taken_back(entry) for entry in entries + self._entries]
        for waiter in waiters + self._waiters:
            if not waiter.done():
                waiter.set_result(False)
        self._waiters = []


def _taken_back(entry: Entry) -> Entry:
    if entry.state != State.INTENT:
        return entry
    return entry._replace(state=State.DEFERRED.value, reason=Reason.RELEASED.value, next_at=entry.at)


def _unexpected(fault: BaseException) -> InternalError:
    error = InternalError.single("MR650", f"the ledger failed: {fault!r}")
    error.__cause__ = fault
    return error
