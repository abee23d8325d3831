"""What a cache keeps under a key: a head of 18 bytes, and behind it the packed row where there is one.

format (u8) | kind (u8) | version (u64) | fresh until (u64, UTC microseconds)        big-endian
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

FORMAT = 1
_HEAD = struct.Struct(">BBQQ")
_HEADS = np.dtype([("format", "u1"), ("kind", "u1"), ("version", ">u8"), ("fresh_until", ">u8")])
HEAD = _HEAD.size


class Kind(IntEnum):
    """What a record says of its key."""

    PRESENT = 1
    ABSENT = 2
    """Nobody is known under the key."""
    GONE = 3
    """What was known up to the version is no longer true. It is never fresh, and keeps late writers of older values off."""
    MARKS = 4
    """Not of a key: how far a shared layer has been brought up, see ``engine.cache.layer.Marks``."""


def heads(kind: Kind, versions: npt.NDArray[np.integer], fresh_until: npt.NDArray[np.integer]) -> npt.NDArray[np.void]:
    """The heads of several records of one kind."""
    made = np.empty(len(versions), _HEADS)
    made["format"], made["kind"], made["version"], made["fresh_until"] = FORMAT, kind, versions, fresh_until
    return made


def gone(version: int) -> bytes:
    """The record that an invalidation leaves."""
    return _HEAD.pack(FORMAT, Kind.GONE, version, 0)


def heads_of(records: Sequence[bytes]) -> npt.NDArray[np.void]:
    """The heads of records, as columns ``kind``, ``version`` and ``fresh_until``."""
    return np.frombuffer(b"".join([each[:HEAD] for each in records]), _HEADS)
