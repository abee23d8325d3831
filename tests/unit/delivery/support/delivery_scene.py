"""A partition in memory and transports that do what a test tells them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.delivery.dispatch import Surroundings
from engine.delivery.gate import Hold
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.supply import Block
from engine.delivery.transport import Feed
from engine.delivery.worker import Delivered, Settings, deliver
from engine.errors import ServiceError
from engine.ledger.memory import MemoryLedger, MemoryPartition
from engine.ledger.replay import Standing
from engine.ledger.states import Reason, State

Run = Callable[[Coroutine[Any, Any, Any]], Any]
Send = Callable[[Feed, Message], Awaitable[None]]

ACCEPTED = Outcome(OutcomeClass.ACCEPTED, 250, "2.0.0", "accepted")
DEFERRED = Outcome(OutcomeClass.DEFERRED, 451, "4.7.1", "greylisted")
REJECTED = Outcome(OutcomeClass.REJECTED, 550, "5.1.1", "no such mailbox")
UNKNOWN = Outcome(OutcomeClass.UNKNOWN, detail="no reply")
MINUTE = 60_000_000
LOST = ServiceError.single("MR700", "the connection was lost")


@dataclass
class Scene:
    """A partition of ``size`` messages, a wall clock that a test sets, and all that reached the other side."""

    size: int = 40
    now: int = 1_000_000_000_000
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    arrived: Counter[int] = field(default_factory=Counter)
    made: list[Sequence[int]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=lambda: Settings(owner="test", connections=4))

    def materialise(self, rows: Sequence[int]) -> Iterator[Block]:
        for start in range(0, len(rows), 8):
            yield self.block(rows[start : start + 8])

    def block(self, rows: Sequence[int]) -> Block:
        self.made.append(rows)
        messages = [
            Message(row, row.to_bytes(16, "big"), "from@example.com", f"to{row}@example.com", b"x\r\n")
            for row in rows
            if row not in self.faults
        ]
        return Block(messages, {row: self.faults[row] for row in rows if row in self.faults})

    def deliver(self, send: Send, partition: MemoryPartition | None = None, **around: Any) -> Awaitable[Delivered]:
        surroundings = Surroundings(wall=lambda: self.now, **around)
        keys = [row.to_bytes(16, "big") for row in range(self.size)]
        partition = partition or self.ledger.partition(0)
        return deliver(partition, keys, self.materialise, Scripted(send), self.settings, surroundings)

    async def accept(self, feed: Feed, message: Message) -> None:
        await self.answer(feed, message, ACCEPTED)

    async def answer(self, feed: Feed, message: Message, outcome: Outcome) -> None:
        if not await feed.intent(message):
            feed.release(message)
            return
        await asyncio.sleep(0.001)
        if outcome.outcome in (OutcomeClass.ACCEPTED, OutcomeClass.UNKNOWN):
            self.arrived[message.index] += 1
        feed.outcome(message, outcome)

    def states(self) -> list[State]:
        return [State(each) for each in self.ledger.partition(0).replay().state]

    def reasons(self) -> Counter[tuple[str, str]]:
        table = self.ledger.partition(0).replay().as_table([b"k" * 16] * self.size)
        return Counter(zip(table["state"].to_pylist(), table["reason"].to_pylist(), strict=True))


class Closed:
    """A gate that never lets ``rows`` through."""

    def __init__(self, rows: set[int]) -> None:
        self.rows = rows

    def recover(self, standing: Standing) -> None: ...

    def refresh(self) -> None: ...

    def admit(self, rows: Sequence[int]) -> dict[int, Hold]:
        return {}

    def look(self, row: int, now: int) -> Hold | None:
        return Hold(Reason.SUPPRESSED) if row in self.rows else None

    def admitted(self, row: int, now: int) -> bool:
        return True

    def settle(self, row: int, sent_at: int | None) -> None: ...

    def close(self) -> None: ...


class Scripted:
    def __init__(self, send: Send) -> None:
        self._send = send

    async def session(self, feed: Feed) -> None:
        while (message := await feed.next()) is not None:
            await self._send(feed, message)


def once(size: int) -> Counter[int]:
    return Counter(range(size))
