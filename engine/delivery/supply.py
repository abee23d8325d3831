"""Messages on demand: rows are materialised a block at a time, one block ahead of what is being sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from engine.delivery.message import Message


@dataclass(frozen=True, slots=True)
class Block:
    """What became of some rows: each is a message, or a fault with a reason in words that holds no address."""

    messages: Sequence[Message]
    faults: Mapping[int, str] = field(default_factory=dict)


Materialise = Callable[[Sequence[int]], Block]
"""Rows of the outbox partition to messages. Called in another thread, one call at a time."""


class Supply:
    """At most two blocks are in memory, and the messages that connections hold."""

    def __init__(self, rows: Sequence[int], size: int, materialise: Materialise, executor: Executor) -> None:
        self._blocks = deque(rows[start : start + size] for start in range(0, len(rows), size))
        self._materialise = materialise
        self._executor = executor
        self._ready: deque[Message] = deque()
        self._coming: asyncio.Future[Block] | None = None

    @property
    def exhausted(self) -> bool:
        return not (self._ready or self._blocks or self._coming)

    def take(self) -> Message | None:
        """The next message that is there already."""
        return self._ready.popleft() if self._ready else None

    def give_back(self, message: Message) -> None:
        self._ready.append(message)

    async def refill(self) -> Mapping[int, str]:
        """Bring in the next block and start on the one after it; returns its faults, to whoever brought it in."""
        self._start()
        coming = self._coming
        if coming is None:
            return {}
        block = await asyncio.shield(coming)
        if self._coming is not coming:
            return {}
        self._coming = None
        self._ready.extend(block.messages)
        self._start()
        return block.faults

    def _start(self) -> None:
        if self._coming is None and self._blocks:
            loop = asyncio.get_running_loop()
            self._coming = loop.run_in_executor(self._executor, self._materialise, self._blocks.popleft())

    async def close(self) -> None:
        """Wait for the block under way: nothing runs on after a delivery."""
        if self._coming is not None:
            await asyncio.wait([self._coming])
            if not self._coming.cancelled():
                self._coming.exception()  # looked at: whoever waited for it has told
