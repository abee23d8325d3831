"""The addresses of a live workflow's suppression files, in its run's folder: looked up on the disk, however many there are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from engine.audience import addresses

NAME = "suppressed.arrow"
_SCHEMA = pa.schema([("digest", pa.uint64()), ("address", pa.large_string())])


def sorted_addresses(columns: Iterable[pa.StringArray]) -> pa.RecordBatch:
    """The addresses in their normal form, each once, by their digests."""
    whole = pa.chunked_array([addresses.normalise(each) for each in columns], pa.string()).cast(pa.large_string())
    known = pc.unique(whole.filter(pc.greater(pc.binary_length(whole), 0)))
    digests = _digests(known)
    order = np.argsort(digests, kind="stable")
    return pa.RecordBatch.from_arrays([pa.array(digests[order]), known.take(pa.array(order))], schema=_SCHEMA)


class SuppressionFile:
    """``suppressed.arrow`` of a run's folder, mapped into memory: a look reads some pages, and the file is nobody's heap."""

    def __init__(self, folder: Path) -> None:
        with ipc.open_file(pa.memory_map(str(folder / NAME))) as file:
            batch = file.get_batch(0)
        self._digests = batch.column("digest").to_numpy()
        self._addresses = batch.column("address")

    @classmethod
    def of(cls, folder: Path) -> SuppressionFile | None:
        """None where the campaign names no files."""
        return cls(folder) if (folder / NAME).exists() else None

    @staticmethod
    def write(folder: Path, known: pa.RecordBatch) -> None:
        """Put sorted addresses in the place of what was there; whoever has that open goes on reading it."""
        partial = folder / f"{NAME}.part"
        with ipc.new_file(str(partial), _SCHEMA) as file:
            file.write_batch(known)
        partial.replace(folder / NAME)

    def holds(self, recipients: pa.StringArray) -> npt.NDArray[np.bool_]:
        """Which of these addresses, in any spelling, are among them. Digests only say where to look."""
        wanted = addresses.normalise(recipients).fill_null("")
        digests = _digests(wanted)
        first, stop = (np.searchsorted(self._digests, digests, side) for side in ("left", "right"))
        found = np.zeros(len(wanted), dtype=np.bool_)
        for row in np.flatnonzero(stop > first).tolist():
            found[row] = wanted[row].as_py() in self._addresses[first[row] : stop[row]].to_pylist()
        return found


def _digests(texts: pa.Array) -> npt.NDArray[np.uint64]:
    parts = [hashlib.blake2b(each.encode(), digest_size=8).digest() for each in texts.to_pylist()]
    return np.frombuffer(b"".join(parts), dtype=np.uint64)
