"""Groups of entries as bytes: a record of 42 octets for each, and all their texts one after the other."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.errors import Place
from engine.ledger.counts import Counts
from engine.ledger.entries import NUMBERS, Entry, Log
from engine.ledger.replay import damaged

RECORD = np.dtype([
    ("row", "<u4"), ("state", "u1"), ("attempt", "<u4"), ("at", "<i8"), ("reason", "u1"), ("next_at", "<i8"), ("code", "<i4"),
    ("enhanced", "<u4"), ("detail", "<u4"), ("remote_id", "<u4"),
])  # fmt: skip
"""An entry's numbers, and the octets of each of its texts in UTF-8."""

_pack = struct.Struct("<IBIqBqiIII").pack
_TEXTS = Entry._fields[NUMBERS:]


def pack(entries: Iterable[Entry]) -> tuple[bytes, bytes]:
    """The records and the texts of entries."""
    records, texts = [], list[bytes]()
    for row, state, attempt, at, reason, next_at, code, enhanced, detail, remote_id in entries:
        if detail or enhanced or remote_id:
            words = enhanced.encode(), detail.encode(), remote_id.encode()
            texts += words
            records.append(_pack(row, state, attempt, at, reason, next_at, code, *map(len, words)))
        else:
            records.append(_pack(row, state, attempt, at, reason, next_at, code, 0, 0, 0))
    return b"".join(records), b"".join(texts)


def chained(records: bytes, texts: bytes, previous: int) -> int:
    """The CRC-32 of a group, chained to that of the group before it, so that a change or a gap anywhere shows."""
    return zlib.crc32(texts, zlib.crc32(records, previous))


def unpack(groups: Sequence[tuple[bytes, bytes, int]], chain: int, place: Place) -> Log:
    """The entries of groups (records, texts, checksum) that follow one another; ``chain`` is the checksum before the first.

    Raises InputError (MR604) for groups that were changed, lost or added; ``place`` is where they were read.
    """
    for records, texts, end in groups:
        try:
            chain = chained(records, texts, chain)
        except TypeError as fault:
            raise damaged(place, "entries cannot be read") from fault
        if chain != end:
            raise damaged(place, "entries differ from their checksum")
    whole = _table(b"".join(group[0] for group in groups), place)
    numbers = [whole[name].astype(np.int64) for name in Entry._fields[:NUMBERS]]
    return Log(*numbers, *_cut(b"".join(group[1] for group in groups), whole, place))


def counted(parts: Iterable[bytes], planned: int, place: Place) -> Counts:
    """How many of ``planned`` messages are in which state after records that follow one another; nothing is verified."""
    state, reason = np.zeros(planned, np.uint8), np.zeros(planned, np.uint8)
    try:
        for whole in (_table(part, place) for part in parts):
            state[whole["row"]], reason[whole["row"]] = whole["state"], whole["reason"]  # the last of a message stays
        return Counts.of(state, reason)
    except (IndexError, TypeError, ValueError) as fault:
        raise damaged(place, "it holds a message, state or reason that does not exist") from fault


def _table(records: bytes, place: Place) -> NDArray[np.void]:
    if len(records) % RECORD.itemsize:
        raise damaged(place, "an entry is cut off")
    return np.frombuffer(records, RECORD)


def _cut(texts: bytes, whole: NDArray[np.void], place: Place) -> list[pa.StringArray]:
    offsets = np.zeros(len(_TEXTS) * len(whole) + 1, np.int64)
    np.cumsum(np.stack([whole[name] for name in _TEXTS], axis=1), out=offsets[1:])
    if offsets[-1] != len(texts):
        raise damaged(place, "texts are cut off")
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(texts)]
    every = pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
    return [every[each :: len(_TEXTS)].cast(pa.string()) for each in range(len(_TEXTS))]
