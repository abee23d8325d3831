"""Sending to a local inbox, with the ledger on the disk and without, beside what the standard library and aiosmtplib do.

    python -m benchmarks.sending [--rounds 9] [--messages 8000] [--connections 8] [--reply-delay 0] [--folder .] [--json]

All subjects send in every round, one after the other, in an order that turns, each to an inbox in a fresh process of its own: a relay
that answers at once. With ``--reply-delay`` it takes its time for the reply to each final dot, as one across a network does.
Messages a second are end to end, by the clock, with the inbox on the same machine; microseconds are processor time, of the sending
process with all its threads, of the inbox, and of the whole machine: the kernel syncs the ledger's disk in threads of its own, which
only the last shows, together with whatever else runs meanwhile. Figures are medians, and ratios are medians of the rounds' own ratios,
so that whatever else the machine does weighs on both sides. aiosmtplib joins if it is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import json
import os
import smtplib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console
from rich.table import Table

from benchmarks.audience import audience
from benchmarks.envelope import SENDER, UNSUBSCRIBE_URL
from benchmarks.subjects.columnar_message import envelope
from benchmarks.subjects.email_message import one
from benchmarks.subjects.jinja_loop import renderer
from benchmarks.template import CONSTANTS, PARTS, plain_environment
from engine.adapters.inbox import BackgroundInbox, Faults, InboxSettings
from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.adapters.transports import TransportSettings, open_transport
from engine.delivery.dispatch import Surroundings
from engine.delivery.dkim import Signer, read_key
from engine.delivery.message import Message
from engine.delivery.mime import MessageProgram, SenderIdentity
from engine.delivery.supply import Block, Materialise
from engine.delivery.worker import Settings, deliver
from engine.ledger.contract import Ledger
from engine.ledger.memory import MemoryLedger
from engine.ledger.states import State
from engine.templates import compile_parts

RENDERED = 2_048
BODIES = 256
SIMPLE = 400  # messages of the subjects that send them one by one: they take a millisecond each
SIGNED = 1_500
DISK, MEMORY = "ledger on the disk", "ledger in memory"
PREPARED_DISK, PREPARED_MEMORY = "Mailray, messages ready, " + DISK, "Mailray, messages ready, " + MEMORY
WHOLE_DISK, WHOLE_MEMORY = "Mailray, rendered as it sends, " + DISK, "Mailray, rendered as it sends, " + MEMORY
SMTPLIB = "Jinja2, EmailMessage, smtplib, one connection kept"
AIOSMTPLIB = "Jinja2, EmailMessage, aiosmtplib, as many connections"


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of one subject: messages a second by the clock, processor microseconds a message of ours, the inbox and the machine."""

    rate: float
    client: float
    inbox: float
    machine: float


@dataclass(frozen=True, slots=True)
class Subject:
    """``send`` sends all ``messages`` to a port of this machine."""

    name: str
    messages: int
    send: Callable[[int], None]


class Sending:
    """The messages to send, and the ways to do it."""

    def __init__(self, messages: int, connections: int, folder: Path) -> None:
        self._connections = connections
        self._folder = folder
        self._batch = audience(messages)
        self._rows = self._batch.slice(0, SIMPLE).to_pylist()
        self._render = renderer(plain_environment)
        identity = SenderIdentity(SENDER, "basket", "shop", "abandoned_cart", unsubscribe_url=UNSUBSCRIBE_URL)
        self._program = compile_parts(PARTS, constants=CONSTANTS)
        self._mime = MessageProgram(identity, secret=b"measured")
        self._envelope = envelope(self._batch)
        blocks = list(self.rendered(range(messages)))
        self.ready = [replace(each, content=bytes(each.content)) for block in blocks for each in block.messages]
        self._keys = [message.key for message in self.ready]
        self.octets = statistics.mean(len(message.content) for message in self.ready)

    def rendered(self, rows: Sequence[int]) -> Iterator[Block]:
        for start in range(0, len(rows), RENDERED):
            few = self._batch.slice(start, RENDERED)
            to = replace(self._envelope, **{
                name: getattr(self._envelope, name)[start : start + RENDERED]
                for name in ("rows", "keys", "addresses", "tokens")
            })  # fmt: skip
            wire = self._mime.materialise(self._program.render(few), to)
            for first in range(0, len(wire), BODIES):
                yield Block(wire.messages(first, min(first + BODIES, len(wire))))

    def prepared(self, rows: Sequence[int]) -> Iterator[Block]:
        for start in range(0, len(rows), BODIES):
            yield Block(self.ready[start : start + BODIES])

    def on_disk(self, materialise: Materialise, port: int) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            self._deliver(SqliteLedger(Path(folder)), materialise, port)

    def in_memory(self, materialise: Materialise, port: int) -> None:
        self._deliver(MemoryLedger(), materialise, port)

    def _deliver(self, ledger: Ledger, materialise: Materialise, port: int) -> None:
        partition = ledger.partition(0)
        try:
            delivered = asyncio.run(
                deliver(
                    partition,
                    self._keys,
                    materialise,
                    open_transport(f"smtp://127.0.0.1:{port}", TransportSettings()),
                    Settings(owner="measured", connections=self._connections),
                    Surroundings(wall=lambda: time.time_ns() // 1_000),
                )
            )
        finally:
            partition.close()
        assert delivered.counts[State.ACCEPTED] == len(self.ready), delivered.counts

    def by_smtplib(self, port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            for row in self._rows:
                client.sendmail(SENDER, [row["user"]["email"]], one(self._render, row))

    def by_aiosmtplib(self, port: int) -> None:
        asyncio.run(self._by_aiosmtplib(port))

    async def _by_aiosmtplib(self, port: int) -> None:
        import aiosmtplib

        left = iter(self._rows)

        async def drain() -> None:
            async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as client:
                for row in left:
                    await client.sendmail(SENDER, [row["user"]["email"]], one(self._render, row))

        await asyncio.gather(*[drain() for _ in range(self._connections)])

    def subjects(self) -> list[Subject]:
        many = len(self.ready)
        found = [
            Subject(PREPARED_DISK, many, partial(self.on_disk, self.prepared)),
            Subject(PREPARED_MEMORY, many, partial(self.in_memory, self.prepared)),
            Subject(WHOLE_DISK, many, partial(self.on_disk, self.rendered)),
            Subject(WHOLE_MEMORY, many, partial(self.in_memory, self.rendered)),
            Subject(SMTPLIB, len(self._rows), self.by_smtplib),
        ]
        if importlib.util.find_spec("aiosmtplib") is not None:
            found.append(Subject(AIOSMTPLIB, len(self._rows), self.by_aiosmtplib))
        return found


def processor_seconds(process: int) -> float:
    """What a process has used so far, all its threads. Linux only."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """What all processes and the kernel have used so far (proc(5): user, nice, system, irq, softirq). Linux only."""
    fields = Path("/proc/stat").read_text().split()
    return sum(int(fields[each]) for each in (1, 2, 3, 6, 7)) / os.sysconf("SC_CLK_TCK")


def one_pass(subject: Subject, settings: InboxSettings) -> Pass:
    gc.collect()
    with BackgroundInbox(settings) as inbox:
        theirs, all_of_it = processor_seconds(inbox.pid), machine_seconds()
        ours, start = time.process_time(), time.perf_counter()
        subject.send(inbox.port)
        took, used = time.perf_counter() - start, time.process_time() - ours
        theirs, all_of_it = processor_seconds(inbox.pid) - theirs, machine_seconds() - all_of_it
    one = 1e6 / subject.messages
    return Pass(subject.messages / took, used * one, theirs * one, all_of_it * one)


def measured(subjects: Sequence[Subject], settings: InboxSettings, rounds: int) -> dict[str, list[Pass]]:
    """Every subject in every round, after one that does not count; each second round in the opposite order."""
    passes: dict[str, list[Pass]] = {subject.name: [] for subject in subjects}
    for number in range(rounds + 1):
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            passes[subject.name].append(one_pass(subject, settings))
    return {name: figures[1:] for name, figures in passes.items()}


def overhead(passes: dict[str, list[Pass]], with_it: str, without: str) -> float:
    """The part of the throughput that it costs: the median over the rounds."""
    pairs = zip(passes[with_it], passes[without], strict=True)
    return statistics.median(1 - these.rate / those.rate for these, those in pairs)


def signatures() -> float:
    """RSA-2048 signatures of messages of 2 kB, by one core, a second of its time."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    signer = Signer("example.com", "s1", read_key(pem, "measured"))
    head = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: hello\r\nMIME-Version: 1.0\r\n\r\n"
    message = Message(0, bytes(16), "a@example.com", "b@example.com", head + (b"x" * 76 + b"\r\n") * 25)
    rates = []
    for _ in range(5):
        start = time.process_time()
        signer.sign([message] * SIGNED)
        rates.append(SIGNED / (time.process_time() - start))
    return statistics.median(rates)


def table(passes: dict[str, list[Pass]], title: str) -> Table:
    shown = Table(title=title, title_justify="left")
    shown.add_column("subject")
    for heading in (
        "messages/s",
        "best",
        "µs of the sender's processor",
        "µs of the inbox's",
        "of the machine's",
        "times smtplib",
    ):
        shown.add_column(heading, justify="right")
    for name, figures in passes.items():
        rates = [each.rate for each in figures]
        times = statistics.median(a.rate / b.rate for a, b in zip(figures, passes[SMTPLIB], strict=True))
        shown.add_row(
            name,
            f"{statistics.median(rates):,.0f}",
            f"{max(rates):,.0f}",
            f"{statistics.median(each.client for each in figures):.0f}",
            f"{statistics.median(each.inbox for each in figures):.0f}",
            f"{statistics.median(each.machine for each in figures):.0f}",
            f"{times:.1f}",
        )
    return shown


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.sending")
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--messages", type=int, default=8_000, help="a pass of ours")
    arguments.add_argument(
        "--reply-delay", type=float, default=0.0, help="seconds that the inbox takes for each message"
    )
    arguments.add_argument("--connections", type=int, default=8)
    arguments.add_argument("--folder", type=Path, default=Path(), help="where the ledgers stand; a real disk")
    arguments.add_argument("--json", action="store_true", help="print every pass as JSON")
    options = arguments.parse_args()
    pa.set_cpu_count(1)
    before = os.getloadavg()[0]
    faults = Faults(delay=1.0 if options.reply_delay else 0.0, delay_seconds=options.reply_delay or 1.0)
    sending = Sending(options.messages, options.connections, options.folder)
    passes = measured(sending.subjects(), InboxSettings(keep=0, keep_first=0, faults=faults), options.rounds)
    if options.json:
        print(json.dumps({name: [asdict(each) for each in figures] for name, figures in passes.items()}, indent=2))
        return
    console = Console()
    title = (
        f"{sending.octets / 1024:.1f} KB a message, {options.connections} connections, "
        f"replies after {options.reply_delay * 1e3:.0f} ms, load {before:.1f} before"
    )
    console.print(table(passes, title))
    console.print(
        f"the ledger costs {overhead(passes, PREPARED_DISK, PREPARED_MEMORY):.1%} of the throughput with messages that are ready, "
        f"{overhead(passes, WHOLE_DISK, WHOLE_MEMORY):.1%} rendered as it sends; {signatures():,.0f} RSA-2048 signatures a second and core"
    )


if __name__ == "__main__":
    main()
