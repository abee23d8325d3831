"""Messages on demand: they are made a block at a time, one block ahead of what is being sent, in lanes that do not wait for each other."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from engine.delivery.gate import Hold
from engine.delivery.message import Message
from engine.delivery.pacing import PartitionPacing


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


@dataclass(slots=True)
class _Lane:
    """``rows`` are yet to be made into messages, ``blocks`` are being made, ``ready`` may be taken."""

    rows: list[int] = field(default_factory=list)
    blocks: Iterator[Block] | None = None
    ready: deque[Message] = field(default_factory=deque)
    listed: bool = False  # among those that are awake, asleep or full

    @property
    def open(self) -> bool:
        return self.blocks is not None or bool(self.rows)


class Supply:
    """Of each lane a block or two are in memory, one block is under way, and there are the messages that connections hold.

    A lane is a destination that is paced, or all others together, as ``pacing`` has it (None: there is one lane, which never waits).
    A lane that must wait is passed over: its messages stay where they are, and no more of them are made. Times are the event loop's.
    """

    def __init__(
        self,
        materialise: Materialise,
        rows: Sequence[int],
        executor: Executor,
        admit: Admit | None = None,
        pacing: PartitionPacing | None = None,
    ) -> None:
        self._materialise = materialise
        self._executor = executor
        self._admit = admit
        self._pacing = pacing
        self._lanes: dict[int, _Lane] = {}
        self._awake: deque[int] = deque()
        self._asleep: list[tuple[float, int]] = []  # a heap of times to wake up at
        self._full: list[int] = []  # until a message of theirs has ended
        self._coming: asyncio.Future[Drawn | None] | None = None
        self._coming_lane = 0
        for row in rows:
            self._lane(0 if pacing is None else pacing.lane(row)).rows.append(row)

    @property
    def exhausted(self) -> bool:
        return not any(lane.ready or lane.open for lane in self._lanes.values())

    def take(self, now: float) -> Message | None:
        """The next message that is there already and whose destination takes one now, lane by lane in turn."""
        self._wake(now)
        awake = self._awake
        for _ in range(len(awake)):
            number = awake[0]
            lane = self._lanes[number]
            if not lane.ready and not lane.open:
                lane.listed = False
                awake.popleft()
            elif lane.ready and (message := self._from_lane(number, lane, now)) is not None:
                awake.rotate(-1)
                return message
            elif awake and awake[0] == number:
                awake.rotate(-1)
        return None

    def wait(self, now: float) -> float:
        """When nothing can be taken: 0 if more must be made, else the seconds until a lane may go on (infinite: until a message ends)."""
        if self._awake:
            return 0.0
        return max(0.0, self._asleep[0][0] - now) if self._asleep else math.inf

    def ended(self) -> None:
        """A message has ended, so that there may be room for another."""
        if self._full:
            self._awake.extend(self._full)
            self._full.clear()

    def give_back(self, message: Message) -> None:
        self._lane(0 if self._pacing is None else self._pacing.lane(message.index)).ready.append(message)

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
        lane = self._lanes[self._coming_lane]
        if drawn is None:
            lane.blocks = None
            return NOTHING
        lane.ready.extend(drawn.messages)
        self._start()
        return drawn

    async def close(self) -> None:
        """Wait for the block under way: nothing runs on after a delivery."""
        if self._coming is not None:
            await asyncio.wait([self._coming])
            if not self._coming.cancelled():
                self._coming.exception()  # looked at: whoever waited for it has told

    def _lane(self, number: int) -> _Lane:
        """The lane, which has something to come."""
        lane = self._lanes.setdefault(number, _Lane())
        if not lane.listed:
            lane.listed = True
            self._awake.append(number)
        return lane

    def _from_lane(self, number: int, lane: _Lane, now: float) -> Message | None:
        """A message of the first of the lanes that are awake, which goes to sleep when it must wait."""
        pacing = self._pacing
        if pacing is None or pacing.idle:
            return lane.ready.popleft()
        while lane.ready:
            wait = pacing.wait(number, now)
            if wait > 0:
                self._awake.popleft()
                if math.isinf(wait):
                    self._full.append(number)
                else:
                    heapq.heappush(self._asleep, (now + wait, number))
                return None
            message = lane.ready.popleft()
            detour = pacing.detour(message, now)
            if detour is None:
                return message
            self._lane(detour).rows.append(message.index)  # its body is made again when its turn comes
        return None

    def _wake(self, now: float) -> None:
        while self._asleep and self._asleep[0][0] <= now:
            self._awake.append(heapq.heappop(self._asleep)[1])

    def _start(self) -> None:
        """Begin to make the next block, of the lane that has the fewest messages ready and need not wait."""
        if self._coming is not None:
            return
        lanes = [number for number in self._awake if self._lanes[number].open]
        if lanes:
            self._coming_lane = min(lanes, key=lambda number: len(self._lanes[number].ready))
            lane = self._lanes[self._coming_lane]
            if lane.blocks is None:
                lane.blocks, lane.rows = self._materialise(lane.rows), []
            self._coming = asyncio.get_running_loop().run_in_executor(self._executor, self._draw, lane.blocks)

    def _draw(self, blocks: Iterator[Block]) -> Drawn | None:
        block = next(blocks, None)
        if block is None:
            return None
        held = {} if self._admit is None else self._admit([message.index for message in block.messages])
        messages = [each for each in block.messages if each.index not in held] if held else block.messages
        return Drawn(messages, block.faults, held)
