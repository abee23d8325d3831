"""What is written in a ledger: one entry says that one message entered one state."""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

NUMBERS = 7  # an entry's leading fields are integers, the rest is text


class Entry(NamedTuple):
    """One step of one message.

    ``row`` is the message's row in the outbox partition, ``state`` a State, ``attempt`` counts the tries from 1 (0: none yet),
    ``at`` and ``next_at`` are UTC microseconds, ``reason`` a Reason. Numbers are plain ints and nothing is null, so that a
    store can write entries as they are.
    """

    row: int
    state: int
    attempt: int
    at: int
    reason: int = 0
    next_at: int = 0
    code: int = 0
    enhanced: str = ""
    detail: str = ""
    remote_id: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """Entries as columns, in the order in which they were appended."""

    row: NDArray[np.int64]
    state: NDArray[np.int64]
    attempt: NDArray[np.int64]
    at: NDArray[np.int64]
    reason: NDArray[np.int64]
    next_at: NDArray[np.int64]
    code: NDArray[np.int64]
    enhanced: pa.StringArray
    detail: pa.StringArray
    remote_id: pa.StringArray

    @classmethod
    def of(cls, rows: Sequence[Sequence[object]]) -> Log:
        """The columns of rows that have an entry's ten fields."""
        columns = list(zip(*rows, strict=True)) or [()] * len(Entry._fields)
        numbers = [np.array(column, dtype=np.int64) for column in columns[:NUMBERS]]
        texts = [pa.array(column, pa.string()) for column in columns[NUMBERS:]]
        return cls(*numbers, *texts)

    @classmethod
    def joined(cls, logs: Sequence[Log]) -> Log:
        """Logs that follow one another."""
        if not logs:
            return cls.of(())
        columns = [[getattr(log, name) for log in logs] for name in Entry._fields]
        numbers = [np.concatenate(column) for column in columns[:NUMBERS]]
        return cls(*numbers, *(pa.concat_arrays(column) for column in columns[NUMBERS:]))

    def __len__(self) -> int:
        return len(self.row)


def checksum(entries: Iterable[Sequence[Any]], previous: int = 0) -> int:
    """The CRC-32 of entries, chained to that of the entries before them, so that a change or a gap anywhere shows."""
    columns = list(zip(*entries, strict=True))
    for column in columns[:NUMBERS]:
        previous = zlib.crc32(array("q", column), previous)
    for column in columns[NUMBERS:]:
        previous = zlib.crc32("\0".join(column).encode(), previous)
    return previous


def digest_of(keys: Sequence[bytes]) -> bytes:
    """What tells one plan from another: BLAKE2b-128 of all delivery keys in order."""
    return hashlib.blake2b(b"".join(keys), digest_size=16).digest()
