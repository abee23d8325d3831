"""The gate: what is asked about a message before it goes, again and again until right before the final dot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from engine.errors import MailrayError
from engine.ledger.replay import Standing
from engine.ledger.states import Reason

FRESH_SECONDS = 4.0
"""What is known is not used when it is older; the fifth second is for an intent's way to the disk."""
REFRESH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a message may not go: until an instant (UTC microseconds), or for good if ``until`` is 0."""

    reason: Reason
    until: int = 0


class Gate(Protocol):
    """A partition's gate. Messages are named by their row in the outbox partition, times are UTC microseconds.

    ``recover``, ``refresh``, ``admit`` and ``close`` may block and are called in threads, ``refresh`` and ``admit`` at the same time;
    each raises a MailrayError when what it asks does not answer. The others are quick, and called by the delivery alone.
    """

    def recover(self, standing: Standing) -> None:
        """Settle what an owner before this one has left. Called once, before anything else."""

    def refresh(self) -> None:
        """Bring what is known up to date, and write down what was settled."""

    def admit(self, rows: Sequence[int]) -> Mapping[int, Hold]:
        """Reserve what each of these messages needs to go; those that may not are given back with the reason."""

    def look(self, row: int, now: int) -> Hold | None:
        """Whether a message may go by what is known; None: it may."""

    def admitted(self, row: int, now: int) -> bool:
        """Whether what was reserved for a message still holds."""

    def settle(self, row: int, sent_at: int | None) -> None:
        """Say that a message was, or may have been, sent at an instant, or that it has definitely not been (None)."""

    def close(self) -> None:
        """Nothing more is sent: give back what is reserved for messages that were not."""


class WatchedGate:
    """A gate that is refreshed while messages go through it, and shut when its knowledge is too old."""

    def __init__(self, gate: Gate, executor: Executor) -> None:
        self.gate = gate
        self.fault: MailrayError | None = None
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._fresh_until = float("-inf")
        self._news = asyncio.Event()

    @property
    def fresh(self) -> bool:
        return self._loop.time() <= self._fresh_until

    async def watch(self) -> None:
        """Refresh for ever. A fault counts only when knowledge has become too old meanwhile."""
        while True:
            try:
                await self.refresh()
            except MailrayError as fault:
                self.fault = fault
            self._news.set()
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Knowledge is as old as the moment at which it was asked for."""
        asked = self._loop.time()
        await self._loop.run_in_executor(self._executor, self.gate.refresh)
        self._fresh_until = asked + FRESH_SECONDS
        self.fault = None

    async def freshen(self) -> None:
        """Wait until knowledge is fresh. Raises the fault that keeps it from being so."""
        while not self.fresh:
            if self.fault is not None:
                raise self.fault
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        await self._loop.run_in_executor(self._executor, self.gate.close)

    async def admit(self, rows: Sequence[int]) -> Mapping[int, Hold]:
        return await self._loop.run_in_executor(self._executor, self.gate.admit, rows)


def sift(gate: Gate, rows: Iterable[int], now: int) -> tuple[list[int], dict[int, Hold]]:
    """The rows that may go by what is known, and the others: these need not even be made into messages."""
    passed: list[int] = []
    held: dict[int, Hold] = {}
    for row in rows:
        hold = gate.look(row, now)
        if hold is None:
            passed.append(row)
        else:
            held[row] = hold
    return passed, held
