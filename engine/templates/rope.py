"""Texts without strings: rows as piece ids into a pool.

A rendering makes no strings. It makes, for each row, the ids of its pieces; a piece is an entry of the pool, which is the concatenation
of the pool's chunks (a template's static texts, or a column of holes). One ``take(pool, ids)`` then does all the copying, and its data
buffer already is the rows' texts one after the other.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of pieces.

    ``key`` names texts that are the same in every batch, so that what is derived from them may be kept; else None. A null is a piece
    that no row uses.
    """

    texts: pa.StringArray
    key: Hashable | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Pieces by id: chunk after chunk."""

    chunks: tuple[Chunk, ...]

    def array(self) -> pa.StringArray:
        return pa.concat_arrays([chunk.texts for chunk in self.chunks])


@dataclass(frozen=True, slots=True)
class Rope:
    """n texts: row i is the pieces ``ids[offsets[i]:offsets[i + 1]]``; ids int32, offsets int64 of length n + 1."""

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True, slots=True)
class Rendered:
    """The parts of a batch's messages over one pool. A row that is in ``errors`` has no pieces in any part."""

    pool: Pool
    ropes: Mapping[str, Rope]
    errors: Mapping[int, Exception] = field(default_factory=dict)
