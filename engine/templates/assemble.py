"""From ropes to texts: one ``take`` copies every piece, and its buffer already is the rows' texts one after the other."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.templates.rope import Rope

MOST_BYTES = 2**31 - 1


def gather(pool: pa.StringArray, ids: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> pa.StringArray:
    """The texts of consecutive rows; ``offsets`` (n + 1) count in pieces and are relative to ``ids``."""
    pieces = pc.take(pool, pa.array(ids), boundscheck=False)
    if len(pieces) == 0:
        return pa.array([""] * (len(offsets) - 1), pa.string())
    ends = np.frombuffer(pieces.buffers()[1], np.int32)[offsets]
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(ends), pieces.buffers()[2])


def texts(pool: pa.StringArray, rope: Rope, failed: Collection[int] = ()) -> pa.StringArray:
    """All rows' texts, null where the row is in ``failed``. Raises ``pa.ArrowInvalid`` above 2 GB: render smaller batches."""
    whole = gather(pool, rope.ids, rope.offsets)
    if not failed:
        return whole
    lost = np.zeros(len(rope), bool)
    lost[list(failed)] = True
    return pc.if_else(pa.array(lost), pa.scalar(None, pa.string()), whole)
