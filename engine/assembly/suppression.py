"""Changes to who must not be mailed, for the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from engine.assembly.campaign import suppressed
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_suppression
from engine.audience import addresses
from engine.audience.suppression import Suppression, SuppressionReason
from engine.errors import Diagnostic, UsageError


def suppress(settings: AppSettings, given: Sequence[str], list_name: str, source: str, at: int) -> int:
    """Suppress addresses, all or none; gives how many are new. Raises UsageError with each that is none."""
    faults = [
        Diagnostic("MR005", f"`{text}` is no e-mail address", help="write it like ann@example.com")
        for text, valid in zip(given, addresses.valid(pa.array(given, pa.string())), strict=True)
        if not valid
    ]
    if faults:
        raise UsageError(*faults)
    with closing(open_suppression(settings.stores_at)) as store:
        return store.add([Suppression(each, list_name, SuppressionReason.MANUAL, source, at) for each in given])


def readmit(settings: AppSettings, given: Sequence[str], list_name: str) -> int:
    """Let addresses be mailed again; gives how many had been suppressed."""
    with closing(open_suppression(settings.stores_at)) as store:
        return store.remove(given, list_name)


def entries_of(settings: AppSettings, list_name: str | None) -> Iterator[Suppression]:
    with closing(open_suppression(settings.stores_at)) as store:
        yield from store.entries(list_name)


def take_in(settings: AppSettings, file: Path, list_name: str, at: int) -> tuple[int, int]:
    """Suppress the addresses of a file, some thousand at a time; gives how many there were, and how many of them are new.

    Raises InputError when the file has no such column or is damaged, MissingInputError when it is not there.
    """
    read = new = 0
    with closing(open_suppression(settings.stores_at)) as store:
        for column in suppressed(str(file.absolute()), Path.cwd()):
            known = [each for each in column.to_pylist() if each and each.strip()]
            read += len(known)
            new += store.add(
                [Suppression(each, list_name, SuppressionReason.IMPORTED, file.name, at) for each in known]
            )
    return read, new
