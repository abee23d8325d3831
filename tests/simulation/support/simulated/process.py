"""A process that delivers: the real send loop over a ledger that outlives it. It can be killed at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from engine.adapters.transports import Deadlines, TransportSettings
from engine.adapters.transports.smtp.transport import open_smtp
from engine.delivery.dispatch import Surroundings
from engine.delivery.doubts import Witness
from engine.delivery.message import Message
from engine.delivery.supply import Block
from engine.delivery.transport import Transport
from engine.delivery.worker import Delivered, Settings, deliver
from engine.errors import FileAccessError, TryAgainError
from engine.ledger.contract import Appender, ThreadAppender
from engine.ledger.entries import Entry
from engine.ledger.memory import MemoryPartition
from engine.ledger.replay import Standing
from simulated.faults import Fault, Luck
from simulated.network import HOST, Wire

BLOCK = 5
_transports: dict[float, Transport] = {}


def key_of(row: int) -> bytes:
    return row.to_bytes(16, "big")


def content_of(row: int) -> bytes:
    return f"Message-ID: <{row}@example.com>\r\n\r\nHello {row}\r\n".encode()


def blocks(rows: Sequence[int]) -> Iterator[Block]:
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        yield Block(
            [Message(row, key_of(row), "from@example.com", f"to{row}@example.com", content_of(row)) for row in some]
        )


def smtp_transport(reply_timeout: float) -> Transport:
    """The real SMTP transport. It holds no state between sessions, and making one reads the machine's certificates."""
    if reply_timeout not in _transports:
        settings = TransportSettings(deadlines=Deadlines(end=reply_timeout))
        _transports[reply_timeout] = open_smtp(urlsplit("smtp://127.0.0.1:25"), settings)
    return _transports[reply_timeout]


class KilledError(Exception):
    """What a dead process gets from whatever it still tries: nothing of it takes effect."""


@dataclass(eq=False)
class Process:
    """One life. ``wall`` is UTC microseconds."""

    partition: MemoryPartition
    messages: int
    settings: Settings
    luck: Luck
    wall: Callable[[], int]
    witness: Witness
    wires: list[Wire] = field(default_factory=list)
    dots: list[float] = field(default_factory=list)
    dead: bool = False
    stall: float = 0.0  # seconds that its next write takes longer
    stopped_at: float | None = None
    task: asyncio.Task[Delivered] | None = None

    def start(self) -> asyncio.Task[Delivered]:
        self.task = asyncio.get_running_loop().create_task(self._deliver())
        return self.task

    def stop(self) -> None:
        self.stopped_at = asyncio.get_running_loop().time()

    def kill(self) -> None:
        """From here on nothing of it takes effect; the system closes its connections, and what was written on them may arrive."""
        if self.task is None or self.task.done() or self.dead:
            return
        self.dead = True
        for wire in self.wires:
            if self.luck.random.random() < 0.5:
                wire.cut()
            wire.abort()
        self.task.cancel()

    async def _deliver(self) -> Delivered:
        HOST.set(self)
        around = Surroundings(wall=self.wall, stopped=lambda: self.stopped_at is not None, witness=self.witness)
        keys = [key_of(row) for row in range(self.messages)]
        transport = smtp_transport(self.settings.reply_timeout)
        return await deliver(Disk(self), keys, blocks, transport, self.settings, around)


def _lost() -> FileAccessError:
    return FileAccessError.single("MR609", "the disk has lost something")


class SyncedLater:
    """Writes at once, and hears later that it is durable."""

    def __init__(self, disk: Disk, executor: Executor) -> None:
        self._disk = disk
        self._executor = executor
        self._loop = asyncio.get_running_loop()

    def __call__(self, entries: Sequence[Entry], lease_until: int) -> asyncio.Future[None]:
        try:
            self._disk.append(entries, lease_until)
        except Exception as fault:
            failed = self._loop.create_future()
            failed.set_exception(fault)
            return failed
        return self._loop.run_in_executor(self._executor, self._disk.sync)

    def close(self) -> None: ...


class Disk:
    """The process's way to the ledger."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._partition = process.partition
        self._lost = False

    def claim(self, owner: str, now: int, lease_until: int) -> int:
        self._alive()
        return self._partition.claim(owner, now, lease_until)

    def plan(self, keys: Sequence[bytes], now: int) -> None:
        self._alive()
        self._partition.plan(keys, now)

    def append(self, entries: Sequence[Entry], lease_until: int) -> None:
        self._alive()
        luck = self._process.luck
        if self._lost:
            raise _lost()
        if luck.meets(Fault.FULL):
            raise TryAgainError.single("MR608", "the disk is full")
        if luck.meets(Fault.KILLED_BEFORE):
            self._process.kill()
        self._alive()
        self._partition.append(entries, lease_until)
        if luck.meets(Fault.KILLED_AFTER):
            self._process.kill()
        self._alive()

    def appender(self, executor: Executor) -> Appender:
        return self._process.luck.random.choice((ThreadAppender, SyncedLater))(self, executor)

    def sync(self) -> None:
        """The disk's answer about all that has been written."""
        if self._process.luck.meets(Fault.KILLED_SYNCING):
            self._process.kill()
        self._alive()
        if self._process.luck.meets(Fault.LOST):
            self._lost = True
            raise _lost()

    def release(self) -> None:
        self._alive()
        self._partition.release()

    def keys(self) -> list[bytes]:
        return self._partition.keys()

    def replay(self) -> Standing:
        return self._partition.replay()

    def close(self) -> None: ...

    def _alive(self) -> None:
        if self._process.dead:
            raise KilledError
