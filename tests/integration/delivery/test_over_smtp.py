"""The whole way over real SMTP to a server that misbehaves on purpose; its own log against the ledger."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from engine.adapters.inbox.background import BackgroundInbox
from engine.adapters.inbox.settings import Faults, InboxSettings
from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.adapters.transports import TransportSettings, open_transport
from engine.campaign.schema import UnknownPolicy
from engine.delivery.dispatch import Surroundings
from engine.delivery.message import Message
from engine.delivery.retry import Backoff, Schedule
from engine.delivery.supply import Block
from engine.delivery.worker import Delivered, Settings, deliver
from engine.ledger.states import State

MESSAGES = 1500
KEYS = [row.to_bytes(16, "big") for row in range(MESSAGES)]


def message(row: int) -> Message:
    head = f"From: <from@example.com>\r\nMessage-ID: <{row}@example.com>\r\nSubject: hello\r\n\r\n"
    return Message(row, KEYS[row], "from@example.com", f"to{row}@example.com", head.encode() + b"some text\r\n" * 20)


def materialise(rows: Sequence[int]) -> Iterator[Block]:
    for start in range(0, len(rows), 256):
        yield Block([message(row) for row in rows[start : start + 256]])


def send(folder: Path, port: int, policy: UnknownPolicy) -> Delivered:
    partition = SqliteLedger(folder / "ledger").partition(0)
    settings = Settings(owner="test", on_unknown=policy, schedule=Schedule(waits=(0.001,)), backoff=Backoff(first=0.01))
    transport = open_transport(f"smtp://127.0.0.1:{port}", TransportSettings())
    around = Surroundings(wall=lambda: time.time_ns() // 1000)
    try:
        return asyncio.run(deliver(partition, KEYS, materialise, transport, settings, around))
    finally:
        partition.close()


@pytest.mark.parametrize("policy", UnknownPolicy)
def test_the_server_and_the_ledger_tell_the_same(tmp_path: Path, policy: UnknownPolicy) -> None:
    log = tmp_path / "log"
    faults = Faults(seed=3, temporary=0.02, permanent=0.02, closing=0.02, drop_before_dot=0.02, drop_after_dot=0.02)
    with BackgroundInbox(InboxSettings(log=log, faults=faults)) as inbox:
        for _ in range(4):
            delivered = send(tmp_path, inbox.port, policy)
        refused = inbox.counts.refused_permanent

    partition = SqliteLedger(tmp_path / "ledger").partition(0)
    states = [State(each) for each in partition.replay().state]
    doubts = partition.replay().log.state.tolist().count(State.UNKNOWN)
    partition.close()
    kept = (line.split("\t")[1] for line in log.read_text().splitlines())
    arrived = Counter(int(name.strip("<>").removesuffix("@example.com")) for name in kept)
    rows = {state: {row for row, each in enumerate(states) if each is state} for state in State}
    assert delivered.counts == SqliteLedger(tmp_path / "ledger").counts()
    assert delivered.counts[State.REJECTED] == refused > 0
    assert doubts > 0
    assert set(arrived) == rows[State.ACCEPTED] | rows[State.UNKNOWN]
    assert len(rows[State.ACCEPTED] | rows[State.UNKNOWN] | rows[State.REJECTED]) == MESSAGES
    twice = sum(arrived.values()) - len(arrived)
    if policy is UnknownPolicy.RESEND:
        assert (twice, len(rows[State.UNKNOWN])) == (doubts, 0)
    else:  # nobody is there to be asked
        assert (twice, len(rows[State.UNKNOWN])) == (0, doubts)
