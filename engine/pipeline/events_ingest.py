"""From a source of customers or events into the store, page by page, each durable before the next is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.audience.connector import Connector, Page, Refused
from engine.audience.store import Store, Write
from engine.errors import Diagnostic, InputError, Place

ENOUGH = 1_000  # faults that are named before a look at rows ends
Keep = Callable[[Page], int]


@dataclass(slots=True)
class Counts:
    """Rows by what became of them: ``read`` are ``changed`` (new events; new or changed customers), ``same`` and ``refused``."""

    read: int = 0
    changed: int = 0
    same: int = 0
    refused: int = 0
    pages: int = 0


class Cursor(Protocol):
    """How far a source was read; what ``keep`` has returned from is durable."""

    def last(self) -> str | None: ...

    def keep(self, cursor: str | None) -> None: ...


class Quarantine(Protocol):
    """Where refused rows go; what ``keep`` has returned from is durable."""

    def keep(self, rows: Sequence[Refused]) -> None: ...


def ingest(
    connector: Connector,
    keep: Keep,
    quarantine: Quarantine,
    cursor: Cursor | None = None,
    told: Callable[[Counts], None] = lambda _: None,
    counts: Counts | None = None,
) -> Counts:
    """Read what there is. A crash between any two steps leaves a page that is read and kept again, which changes nothing.

    ``told`` hears the counts after each page. Raises what the connector, the store and the quarantine raise.
    """
    counts = counts or Counts()
    for page in connector.pages(None if cursor is None else cursor.last()):
        if page.refused:
            quarantine.keep(page.refused)
        changed = keep(page) if page.rows.num_rows else 0
        if cursor is not None:
            cursor.keep(page.cursor)
        counts.read += page.rows.num_rows + len(page.refused)
        counts.changed += changed
        counts.same += page.rows.num_rows - changed
        counts.refused += len(page.refused)
        counts.pages += 1
        told(counts)
    return counts


def check(pages: Iterable[Page]) -> None:
    """Raises InputError (MR780) naming rows that would be refused."""
    faults: list[Diagnostic] = []
    for page in pages:
        faults += [Diagnostic("MR780", each.reason, place=Place(each.source, each.line)) for each in page.refused]
        if len(faults) >= ENOUGH:
            break
    if faults:
        raise InputError(*faults)


def keep_events(store: Store) -> Keep:
    """Events are told apart by their ids: one that is there already is the same one."""
    return lambda page: store.put_events(page.rows)


def keep_users(store: Store, run: str, wall: Callable[[], int]) -> Keep:
    """What is said last of a customer holds. ``run`` is another name for each reading; ``wall`` is UTC microseconds."""
    reading, sequence = _short(run), 0

    def keep(page: Page) -> int:
        nonlocal sequence
        sequence = max(sequence + 1, wall())
        return store.put_users(page.rows, Write(reading, "customers", _short(page.name), sequence))

    return keep


def _short(name: str) -> str:
    """A name that a write may have: those of sources are as long as their paths."""
    return hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=16).hexdigest()
