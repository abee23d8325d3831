"""Whether entries that were read are those that were written."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import Place
from engine.ledger.entries import checksum, digest_of
from engine.ledger.replay import damaged


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
