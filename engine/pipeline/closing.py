"""What is done with a partition's ledger when nothing is left to send: it is kept in columns; and what is looked at to trust it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from engine.errors import MailrayError
from engine.ledger.contract import Ledger, PartitionLedger
from engine.ledger.counts import Counts
from engine.ledger.replay import Standing
from engine.ledger.states import State


class Archive(Protocol):
    """Where closed partitions are kept; see ``engine.adapters.stores.ledger_archive``."""

    def entries(self, number: int) -> int | None: ...

    def write(self, number: int, entries: int, table: pa.Table) -> None: ...

    def read(self, number: int) -> pa.Table: ...

    def remove(self, number: int) -> None: ...


class Pack(Protocol):
    """Partitions of a live run that were put together when they had come to their end; see ``engine.adapters.stores.plan_packs``."""

    @property
    def numbers(self) -> Iterable[int]: ...

    @property
    def accounted(self) -> bool:
        """Whether it has their ledger too."""

    def ledger(self) -> pa.Table: ...

    def states(self) -> Counts: ...

    def keys(self) -> pa.ChunkedArray: ...


class PlanStore(Protocol):
    """Where planned partitions are kept."""

    def partitions(self) -> list[int]: ...

    def keys(self, number: int) -> list[bytes]: ...

    def outbox(self, number: int) -> pa.RecordBatch: ...


def at_end(counts: Counts) -> bool:
    """Whether nothing is left to send, though some messages may be in doubt."""
    return not counts.left and not counts[State.INTENT]


def close_partition(number: int, partition: PartitionLedger, archive: Archive) -> None:
    """Keep a partition that has come to its end in columns; take it out when it is open again."""
    standing = partition.replay()
    if not at_end(standing.counts()):
        archive.remove(number)
    elif archive.entries(number) != len(standing.log):
        archive.write(number, len(standing.log), standing.as_table(partition.keys()))


def exported(ledger: Ledger, plans: PlanStore, packs: Iterable[Pack]) -> Iterator[pa.Table]:
    """The ledger as it is now, a table a partition or pack: its number, the message's step, and what ``Standing.as_table`` gives."""
    yield from (pack.ledger() for pack in packs if pack.accounted)
    for number in ledger.partitions():
        partition = ledger.partition(number)
        try:
            table = partition.replay().as_table(partition.keys())
        finally:
            partition.close()
        if table.num_rows:
            step = plans.outbox(number).column("step").cast(pa.string())
            yield table.add_column(0, "partition", pa.array([number] * len(table))).add_column(3, "step", step)


@dataclass
class Verification:
    """``open`` are the messages that may still be sent, those of partitions that were never begun included."""

    messages: int = 0
    ended: int = 0
    open: int = 0
    unknown: int = 0
    differences: list[tuple[int, str]] = field(default_factory=list)

    def differs(self, number: int, what: str) -> None:
        self.differences.append((number, what))


def verify(ledger: Ledger, plans: PlanStore, archive: Archive, packs: Iterable[Pack]) -> Verification:
    """Read everything and compare it: checksums and steps of the entries, keys with the outbox, sums, and closed partitions' files."""
    found = Verification()
    counted = Counts()
    known = set(ledger.partitions())
    packed: set[int] = set()
    for pack in packs:
        if pack.accounted:
            packed.update(pack.numbers)
            counted += _verify_pack(pack, found)
    for number in sorted({*known, *plans.partitions()} - packed):
        keys = plans.keys(number) if number in plans.partitions() else None
        found.messages += len(keys or ())
        if number in known:
            counted += _verify_partition(number, ledger, keys, archive, found)
        else:
            found.open += len(keys or ())
    if not found.differences and ledger.counts() != counted:
        found.differs(-1, "the ledger's own counts are not those of its entries")
    if not found.differences and found.messages != found.ended + found.open + found.unknown:
        found.differs(
            -1, f"{found.messages} messages are planned, {found.ended + found.open + found.unknown} accounted for"
        )
    return found


def _verify_pack(pack: Pack, found: Verification) -> Counts:
    """What became of its messages, each of which has come to its end, with the messages themselves."""
    messages, ledger = pack.keys(), pack.ledger()
    found.messages += len(messages)
    found.ended += len(ledger)
    if not ledger["key"].equals(messages):
        found.differs(min(pack.numbers), "the delivery keys of a pack are not those of its outbox")
    return pack.states()


def _verify_partition(
    number: int, ledger: Ledger, keys: Sequence[bytes] | None, archive: Archive, found: Verification
) -> Counts:
    partition = ledger.partition(number)
    try:
        standing, planned = partition.replay(), partition.keys()
        if keys is None:
            found.differs(number, "the ledger has a partition that the plan has not")
        elif planned and planned != keys:
            found.differs(number, "the delivery keys are not those of the outbox")
        _compare(number, standing, planned, archive, found)
    except MailrayError as fault:
        found.differs(number, fault.diagnostics[0].message)
        return Counts()
    finally:
        partition.close()
    counts = standing.counts()
    found.unknown += counts[State.UNKNOWN]
    found.open += counts.left + counts[State.INTENT] + (0 if planned else len(keys or ()))
    found.ended += counts.planned - counts.left - counts[State.INTENT] - counts[State.UNKNOWN]
    return counts


def _compare(number: int, standing: Standing, keys: Sequence[bytes], archive: Archive, found: Verification) -> None:
    """A closed partition's file with what it was made from."""
    entries = archive.entries(number)
    if entries is None:
        return
    if entries != len(standing.log):
        found.differs(number, "the closed partition's file was made from other entries")
    elif not archive.read(number).equals(standing.as_table(list(keys))):
        found.differs(number, "the closed partition's file differs from the ledger")
