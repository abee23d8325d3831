"""Messages on demand: they are made a block at a time, one block ahead of what is being sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from engine.delivery.message import Message


@dataclass(frozen=True, slots=True)
class Block:
    """What became of some rows: each is a message, or a fault with a reason in words that holds no address."""

    messages: Sequence[Message]
    faults: Mapping[int, str] = field(default_factory=dict)


Materialise = Callable[[Sequence[int]], Iterator[Block]]
"""Rows of the outbox partition to messages, some hundred at a time and in any order. The blocks are drawn in another thread."""


class Supply:
    """At most two blocks are in memory, and the messages that connections hold."""

    def __init__(self, blocks: Iterator[Block], executor: Executor) -> None:
        self._blocks = blocks
        self._executor = executor
        self._ready: deque[Message] = deque()
        self._coming: asyncio.Future[Block | None] | None = None
        self._ended = False

    @property
    def exhausted(self) -> bool:
        return self._ended and not self._ready

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
        if block is None:
            self._ended = True
            return {}
        self._ready.extend(block.messages)
        self._start()
        return block.faults

    def _start(self) -> None:
        if self._coming is None and not self._ended:
            self._coming = asyncio.get_running_loop().run_in_executor(self._executor, next, self._blocks, None)

    async def close(self) -> None:
        """Wait for the block under way: nothing runs on after a delivery."""
        if self._coming is not None:
            await asyncio.wait([self._coming])
            if not self._coming.cancelled():
                self._coming.exception()  # looked at: whoever waited for it has told
