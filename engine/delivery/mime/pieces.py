"""A rendering's pieces as quoted-printable fragments, and its ropes as cells, which join quickly.

A cell is a row of piece ids seen as one binary value: four bytes an id. Joining the cells of several ropes row by row is then one
Arrow kernel that copies whole rows (an eighth of the time of index arithmetic on ragged rows).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.delivery.mime.columns import TextBytes
from engine.delivery.mime.quoted_printable import encode_fragments, ending_in_return
from engine.templates.assemble import gather
from engine.templates.rope import Chunk, Pool, Rope

ID_BYTES = 4
MOST_KEPT_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Encoded:
    """Fragments by piece id, in runs, and the ids of the pieces whose text ends in CR."""

    runs: list[pa.StringArray]
    returns: npt.NDArray[np.int64]

    @property
    def size(self) -> int:
        return sum(map(len, self.runs))


@dataclass(frozen=True, slots=True)
class Mended:
    """A part's rows as cells, and the fragments of the pieces that had to be added for them."""

    cells: pa.BinaryArray
    added: pa.StringArray


@dataclass(frozen=True, slots=True)
class _Kept:
    texts: pa.StringArray
    fragments: pa.StringArray
    returns: npt.NDArray[np.int64]

    @property
    def size(self) -> int:
        return int(self.texts.nbytes + self.fragments.nbytes)


class FragmentEncoder:
    """Encodes pools. The fragments of a chunk with a key are kept; the longest unused are given up beyond ``most_kept`` bytes."""

    def __init__(self, most_kept: int = MOST_KEPT_BYTES) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._most = most_kept

    def encode(self, pool: Pool) -> Encoded:
        """The fragments of all pieces; holes, whatever chunk they are in, in one go."""
        loose = [chunk.texts for chunk in pool.chunks if chunk.key is None]
        holes = pc.fill_null(pa.concat_arrays(loose), "") if loose else pa.array([], pa.string())
        fragments, hole_returns = encode_fragments(holes), ending_in_return(holes)
        runs, returns = [], [np.empty(0, np.int64)]
        piece = hole = 0
        for chunk in pool.chunks:
            rows = len(chunk.texts)
            if chunk.key is None:
                runs.append(fragments.slice(hole, rows))
                within = hole_returns[(hole_returns >= hole) & (hole_returns < hole + rows)] - hole
                hole += rows
            else:
                kept = self._keep(chunk)
                runs.append(kept.fragments)
                within = kept.returns
            returns.append(within + piece)
            piece += rows
        return Encoded(runs, np.concatenate(returns))

    def _keep(self, chunk: Chunk) -> _Kept:
        kept = self._kept.get(chunk.key)
        # A key that was given twice must not put one campaign's words into another's messages.
        if kept is None or not (kept.texts is chunk.texts or kept.texts.equals(chunk.texts)):
            kept = _Kept(chunk.texts, encode_fragments(chunk.texts), ending_in_return(chunk.texts))
            self._kept[chunk.key] = kept
        self._kept.move_to_end(chunk.key)
        while len(self._kept) > 1 and sum(each.size for each in self._kept.values()) > self._most:
            self._kept.popitem(last=False)
        return kept


def cells(rope: Rope) -> pa.BinaryArray:
    """The rope's rows as cells; no copy of the ids."""
    offsets = (rope.offsets * ID_BYTES).astype(np.int32)
    ids = np.ascontiguousarray(rope.ids, np.int32)
    return pa.Array.from_buffers(pa.binary(), len(rope), [None, pa.py_buffer(offsets), pa.py_buffer(ids)])


def single_cells(ids: npt.NDArray[np.int32], present: npt.NDArray[np.bool_] | None = None) -> pa.BinaryArray:
    """A cell of one id for each row, null where not ``present``."""
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(ID_BYTES), len(ids), [None, pa.py_buffer(ids)])
    whole = fixed.cast(pa.binary())
    return whole if present is None else pc.if_else(pa.array(present), whole, pa.scalar(None, pa.binary()))


def rope_of(joined: pa.BinaryArray) -> Rope:
    """The cells as a rope again; a null is a row without pieces."""
    view = TextBytes.of(joined)
    return Rope(view.content.view(np.int32), view.offsets.astype(np.int64) // ID_BYTES)


def texts(pool: Pool, rope: Rope) -> pa.StringArray:
    """The rows' texts, made from the chunks that they use and no other."""
    starts = np.cumsum([0, *(len(chunk.texts) for chunk in pool.chunks)])
    owners = np.searchsorted(starts, rope.ids, side="right") - 1
    used = np.flatnonzero(np.bincount(owners, minlength=len(pool.chunks)))
    if len(used) == 0:
        return pa.array([""] * len(rope), pa.string())
    new_starts = np.zeros(len(starts), np.int64)
    new_starts[used] = np.cumsum([0, *(len(pool.chunks[chunk].texts) for chunk in used[:-1])])
    ids = (rope.ids + (new_starts - starts)[owners]).astype(np.int32)
    return gather(pa.concat_arrays([pool.chunks[chunk].texts for chunk in used]), ids, rope.offsets)


def mend_returns(pool: Pool, rope: Rope, returns: npt.NDArray[np.int64], first_added: int) -> Mended:
    """The rope's cells, each row that has a piece ending in CR made one piece of its own; the added ids count from ``first_added``.

    A CR at the end of one piece and a LF at the beginning of the next are one line end, which no fragment can know.
    """
    whole = cells(rope)
    places = np.flatnonzero(np.isin(rope.ids, returns)) if len(returns) else returns
    if len(places) == 0:
        return Mended(whole, pa.array([], pa.string()))
    touched = np.unique(np.searchsorted(rope.offsets, places, side="right") - 1)
    mask = np.zeros(len(rope), np.bool_)
    mask[touched] = True
    added = encode_fragments(texts(pool, rope_of(whole.take(pa.array(touched)))))
    own = single_cells(np.arange(first_added, first_added + len(touched), dtype=np.int32))
    return Mended(pc.replace_with_mask(whole, pa.array(mask), own), added)
