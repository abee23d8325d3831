"""A program that delivers one partition to a file, to be killed at any moment."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROGRAM = '''
"""Deliver MESSAGES messages to a file that counts what was seen after a final dot."""

import asyncio
import os
import random
import sys
import time
from pathlib import Path

from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.campaign.schema import UnknownPolicy
from engine.delivery.dispatch import Surroundings
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.retry import Backoff
from engine.delivery.supply import Block
from engine.delivery.worker import Settings, deliver
from engine.errors import MailrayError, ServiceError

folder, messages, policy, seed = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
ACCEPTED = Outcome(OutcomeClass.ACCEPTED, 250, "2.0.0", "accepted")
LOST = Outcome(OutcomeClass.UNKNOWN, detail="the connection was lost")
REJECTED = Outcome(OutcomeClass.REJECTED, 550, "5.1.1", "no such mailbox")
luck = random.Random(seed)


def key(row):
    return row.to_bytes(16, "big")


def materialise(rows):
    for start in range(0, len(rows), 64):
        some = rows[start : start + 64]
        yield Block([Message(row, key(row), "from@example.com", f"to{row}@example.com", b"x\\r\\n") for row in some])


class Sink:
    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def session(self, feed):
        while (message := await feed.next()) is not None:
            await asyncio.sleep(luck.random() * 0.001)
            if message.index % 50 == 49:
                feed.outcome(message, REJECTED)
                continue
            if luck.random() < 0.01:
                feed.release(message)
                raise ServiceError.single("MR700", "dropped before the dot")
            if not await feed.intent(message):
                feed.release(message)
                raise ServiceError.single("MR700", "no intent")
            os.write(self._file, message.index.to_bytes(4, "big"))
            await asyncio.sleep(luck.random() * 0.001)
            if luck.random() < 0.02:
                feed.outcome(message, LOST)
                raise ServiceError.single("MR700", "dropped after the dot")
            feed.outcome(message, ACCEPTED)


async def main():
    ledger = SqliteLedger(folder / "ledger").partition(0)
    keys = [key(row) for row in range(messages)]
    settings = Settings(
        owner=f"process {os.getpid()}",
        connections=8,
        on_unknown=UnknownPolicy(policy),
        backoff=Backoff(first=0.01),
    )
    around = Surroundings(wall=lambda: time.time_ns() // 1000)
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

Start = Callable[[Path, int, str, int], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the program; whatever still runs when the test ends is killed."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    running: list[subprocess.Popen[bytes]] = []

    def start(folder: Path, messages: int, policy: str, seed: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(program), str(folder), str(messages), policy, str(seed)]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
