"""One commit for all that came in while the last one went to the disk: after a campaign everybody clicks at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Generic, TypeVar

Item = TypeVar("Item")
Told = TypeVar("Told")
Waiting = tuple[Item, "asyncio.Future[Told]"]


class GroupCommit(Generic[Item, Told]):
    """Many callers on one event loop, one thread that writes. Whoever waits goes on when what they gave is durable, with what
    became of it, or gets what was raised.

    ``write`` is given what the callers of a group gave, and gives what each is told. A group ends where ``weight`` adds up to
    ``most``.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], Sequence[Told]], weight: Callable[[Item], int], most: int
    ) -> None:
        self._write = write
        self._weight = weight
        self._most = most
        self._waiting: list[Waiting[Item, Told]] = []
        self._writing: asyncio.Task[None] | None = None
        self._writer = ThreadPoolExecutor(1, "group commit")
        self.commits = 0

    async def take(self, item: Item) -> Told:
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, told))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await told

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(0)  # all whose requests have come in by now, not the first of them alone
                end = self._end()
                group, self._waiting = self._waiting[:end], self._waiting[end:]
                await self._write_group(group)
        finally:
            self._writing = None

    def _end(self) -> int:
        """How many of those who wait are written together; one at least."""
        weights = accumulate(self._weight(item) for item, _ in self._waiting)
        return max(1, sum(1 for each in weights if each <= self._most))

    async def _write_group(self, group: Sequence[Waiting[Item, Told]]) -> None:
        answers: Sequence[Told] = ()
        fault: Exception | None = None
        try:
            answers = await asyncio.get_running_loop().run_in_executor(
                self._writer, self._write, [item for item, _ in group]
            )
            self.commits += 1
        except Exception as raised:  # whatever it is, those who wait are told
            fault = raised
        for number, (_, told) in enumerate(group):
            if told.done():  # the caller has gone
                continue
            if fault is None:
                told.set_result(answers[number])
            else:
                told.set_exception(fault)
