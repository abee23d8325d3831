"""Whether entries that were read are those that were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from engine.errors import Place
from engine.ledger.entries import Log, checksum, digest_of
from engine.ledger.replay import damaged

TOGETHER = 32_768  # entries that are Python objects at a time
MOST = 1 << 30  # entries of a batch; what claims to be longer is damaged


def read_chain(
    fetch: Callable[[int], Sequence[Sequence[object]]], batches: Sequence[tuple[int, int]], place: Place
) -> tuple[Log, int]:
    """All entries, verified, and the last checksum. ``fetch`` gives the next so many entries, or what there is.

    Raises InputError (MR604) for entries that were changed, lost or added; ``place`` is where they are read.
    """
    if not all(isinstance(entries, int) and 0 < entries < MOST and isinstance(end, int) for entries, end in batches):
        raise damaged(place, "the list of what was written cannot be read")
    logs, chain = [], 0
    for few in _together(batches):
        rows = fetch(min(MOST, sum(entries for entries, _ in few)))
        chain = verify_chain(rows, few, place, chain)
        logs.append(Log.of(rows))
    if fetch(1):
        raise damaged(place, "entries stand behind the last that were written")
    return Log.joined(logs), chain


def _together(batches: Sequence[tuple[int, int]]) -> Iterator[Sequence[tuple[int, int]]]:
    start = held = 0
    for end, (entries, _) in enumerate(batches, 1):
        held += entries
        if held >= TOGETHER or end == len(batches):
            yield batches[start:end]
            start, held = end, 0


def verify_chain(
    rows: Sequence[Sequence[object]], batches: Sequence[tuple[int, int]], place: Place, chain: int = 0
) -> int:
    """Compare entries with the (number of entries, checksum) of each batch, and return the last checksum.

    ``chain`` is the checksum before the first. Raises InputError (MR604) for entries that were changed, lost or added; ``place`` is
    where they were read.
    """
    start = 0
    for entries, expected in batches:
        try:
            chain = checksum(rows[start : start + entries], chain)
        except (TypeError, ValueError, OverflowError) as fault:
            raise damaged(place, f"entries from {start + 1} on cannot be read") from fault
        start += entries
        if chain != expected:
            raise damaged(place, f"entries {start - entries + 1} to {start} differ from their checksum")
    if start != len(rows):
        raise damaged(place, f"{len(rows)} entries stand where {start} were written")
    return chain


def verify_keys(keys: Sequence[bytes], planned: int, digest: bytes, place: Place) -> None:
    """Raises InputError (MR604) unless these are the keys that were planned."""
    if len(keys) != planned or digest_of(keys) != digest:
        raise damaged(place, "its delivery keys are not those that were planned")
