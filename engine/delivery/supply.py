"""Messages on demand: they are made a block at a time, one block ahead of what is being sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from engine.delivery.gate import Hold
from engine.delivery.message import Message


@dataclass(frozen=True, slots=True)
class Block:
    """What became of some rows: each is a message, or a fault with a reason in words that holds no address."""

    messages: Sequence[Message]
    faults: Mapping[int, str] = field(default_factory=dict)


Materialise = Callable[[Sequence[int]], Iterator[Block]]
"""Rows of the outbox partition to messages, some hundred at a time and in any order. The blocks are drawn in another thread."""


Admit = Callable[[Sequence[int]], Mapping[int, Hold]]
"""Rows to those that may not go, with the reason; asked in the thread in which the blocks are drawn."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A block whose messages have been admitted, and those that were not."""

    messages: Sequence[Message] = ()
    faults: Mapping[int, str] = field(default_factory=dict)
    held: Mapping[int, Hold] = field(default_factory=dict)


NOTHING = Drawn()


class Supply:
    """At most two blocks are in memory, and the messages that connections hold."""

    def __init__(self, blocks: Iterator[Block], executor: Executor, admit: Admit | None = None) -> None:
        self._blocks = blocks
        self._executor = executor
        self._admit = admit
        self._ready: deque[Message] = deque()
        self._coming: asyncio.Future[Drawn | None] | None = None
        self._ended = False

    @property
    def exhausted(self) -> bool:
        return self._ended and not self._ready

    def take(self) -> Message | None:
        """The next message that is there already."""
        return self._ready.popleft() if self._ready else None

    def give_back(self, message: Message) -> None:
        self._ready.append(message)

    async def refill(self) -> Drawn:
        """Bring in the next block and start on the one after it; returns what is new, to whoever brought it in."""
        self._start()
        coming = self._coming
        if coming is None:
            return NOTHING
        drawn = await asyncio.shield(coming)
        if self._coming is not coming:
            return NOTHING
        self._coming = None
        if drawn is None:
            self._ended = True
            return NOTHING
        self._ready.extend(drawn.messages)
        self._start()
        return drawn

    def _start(self) -> None:
        if self._coming is None and not self._ended:
            self._coming = asyncio.get_running_loop().run_in_executor(self._executor, self._draw)

    def _draw(self) -> Drawn | None:
        block = next(self._blocks, None)
        if block is None:
            return None
        held = {} if self._admit is None else self._admit([message.index for message in block.messages])
        messages = [each for each in block.messages if each.index not in held] if held else block.messages
        return Drawn(messages, block.faults, held)

    async def close(self) -> None:
        """Wait for the block under way: nothing runs on after a delivery."""
        if self._coming is not None:
            await asyncio.wait([self._coming])
            if not self._coming.cancelled():
                self._coming.exception()  # looked at: whoever waited for it has told
