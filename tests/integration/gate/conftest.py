"""A program that delivers one run's messages through the whole gate, to a file that notes every final dot."""

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PROGRAM = '''
"""Deliver MESSAGES messages of run RUN, round and round to RECIPIENTS recipients, at RATE a second."""

import asyncio
import os
import random
import struct
import sys
import time
from pathlib import Path

import pyarrow as pa

from engine.adapters.stores.caps_sqlite import SqliteCaps
from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.adapters.stores.suppression_sqlite import SqliteSuppression
from engine.audience.frequency import Cap, PartitionCaps, recipient_digests
from engine.audience.suppression import LiveSuppression
from engine.delivery.dispatch import Surroundings
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.pacing import TokenBucket
from engine.delivery.retry import Backoff
from engine.delivery.supply import Block
from engine.delivery.worker import Settings, deliver
from engine.errors import MailrayError, ServiceError
from engine.pipeline.gate import PartitionGate

folder, run, messages, recipients, cap, rate, faults = Path(sys.argv[1]), *map(int, sys.argv[2:])
ACCEPTED = Outcome(OutcomeClass.ACCEPTED, 250, "2.0.0", "accepted")
LOST = Outcome(OutcomeClass.UNKNOWN, detail="the connection was lost")
DEFERRED = Outcome(OutcomeClass.DEFERRED, 451, "4.3.0", "come again")
luck = random.Random(os.getpid())
keys = [run.to_bytes(8, "big") + row.to_bytes(8, "big") for row in range(messages)]
addresses = [f"to{row % recipients}@example.com" for row in range(messages)]


def wall():
    return time.time_ns() // 1000


def materialise(rows):
    for start in range(0, len(rows), 64):
        some = rows[start : start + 64]
        yield Block([Message(row, keys[row], "from@example.com", addresses[row], b"x\\r\\n") for row in some])


class Sink:
    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def session(self, feed):
        while (message := await feed.next()) is not None:
            await asyncio.sleep(0)
            chance = luck.random() if faults else 1
            if chance < 0.01:
                feed.release(message)
                raise ServiceError.single("MR700", "dropped before the dot")
            if chance < 0.03:
                feed.outcome(message, DEFERRED)
                continue
            if not await feed.intent(message):
                feed.release(message)
                continue
            os.write(self._file, struct.pack("<IIQ", run, message.index % recipients, time.time_ns()))
            if chance < 0.05:
                feed.outcome(message, LOST)
                raise ServiceError.single("MR700", "dropped after the dot")
            feed.outcome(message, ACCEPTED)


async def main():
    ledger = SqliteLedger(folder / f"ledger{run}").partition(0)
    stores = folder / "stores"
    caps = None
    if cap:
        digests = recipient_digests("default", pa.array(addresses))
        caps = PartitionCaps(SqliteCaps(stores / "caps.sqlite"), [Cap(cap, 86_400_000_000)], f"{run}/0", keys, digests)
    live = LiveSuppression(SqliteSuppression(stores / "suppression.sqlite", "default"), "news", pa.array(addresses))
    around = Surroundings(
        wall=wall,
        gate=PartitionGate(live, None, caps, None, wall),
        pace=TokenBucket(rate, 1, time.monotonic()) if rate else None,
    )
    settings = Settings(owner=f"process {os.getpid()}", connections=4, backoff=Backoff(first=0.001))
    try:
        await deliver(ledger, keys, materialise, Sink(folder / "sink"), settings, around)
    finally:
        ledger.close()


try:
    asyncio.run(main())
except MailrayError as fault:
    print(fault.diagnostics[0].code, file=sys.stderr)
    sys.exit(fault.exit_code)
'''


class Dot(NamedTuple):
    """A final dot: of which run, to which recipient, when (nanoseconds)."""

    run: int
    recipient: int
    at: int


class Runs:
    """Runs over one folder, their stores and their sink."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._program = folder / "program.py"
        self._program.write_text(PROGRAM)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(
        self, run: int, messages: int, recipients: int, *, cap: int = 0, rate: int = 0, faults: bool = False
    ) -> "subprocess.Popen[bytes]":
        numbers = (run, messages, recipients, cap, rate, int(faults))
        command = [sys.executable, str(self._program), str(self.folder), *map(str, numbers)]
        self.processes.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        return self.processes[-1]

    def dots(self) -> list[Dot]:
        sink = self.folder / "sink"
        return [Dot(*each) for each in struct.iter_unpack("<IIQ", sink.read_bytes() if sink.exists() else b"")]


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    made = Runs(tmp_path)
    yield made
    for process in made.processes:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
