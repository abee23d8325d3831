"""Messages ready for the wire, made a block at a time out of pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.delivery.message import Message

BLOCK_ROWS = 256  # a few megabytes: what has just been written is still in the processor's cache when it is sent


@dataclass(frozen=True, slots=True)
class WireBlock:
    """Consecutive messages in one buffer: number i is ``content[offsets[i]:offsets[i + 1]]``, empty where there is none."""

    content: memoryview
    offsets: npt.NDArray[np.int32]

    def __getitem__(self, number: int) -> memoryview:
        return self.content[self.offsets[number] : self.offsets[number + 1]]


@dataclass(frozen=True, slots=True)
class WireBatch:
    """n messages as pieces: row i is ``pieces[ids[offsets[i]:offsets[i + 1]]]``, none where there is no message.

    ``errors`` holds the rows that have no message because of a header or an address, with the reason, which names no value. A row
    whose rendering failed has none either. ``senders`` and ``recipients`` are the envelope's addresses as SMTP takes them.
    """

    pieces: pa.StringArray
    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    keys: pa.FixedSizeBinaryArray
    senders: pa.StringArray
    recipients: pa.StringArray
    errors: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def block(self, lo: int, hi: int) -> WireBlock:
        """The messages of rows ``lo`` to ``hi``. All copying happens here, in one pass; above 2 GB it raises ``pa.ArrowInvalid``."""
        ends = self.offsets[lo : hi + 1]
        taken = pc.take(self.pieces, pa.array(self.ids[ends[0] : ends[-1]]), boundscheck=False)
        if len(taken) == 0:
            return WireBlock(memoryview(b""), np.zeros(len(ends), np.int32))
        _, offsets, content = taken.buffers()
        return WireBlock(memoryview(content), np.frombuffer(offsets, np.int32)[ends - ends[0]])

    def messages(self, lo: int, hi: int) -> list[Message]:
        """The messages that there are in rows ``lo`` to ``hi``, their contents slices of one block."""
        block = self.block(lo, hi)
        present = np.flatnonzero(np.diff(block.offsets))
        chosen = pa.array(present + lo)
        columns = (
            self.rows[lo:hi][present].tolist(),
            self.keys.take(chosen).to_pylist(),
            self.senders.take(chosen).to_pylist(),
            self.recipients.take(chosen).to_pylist(),
            block.offsets[:-1][present].tolist(),
            block.offsets[1:][present].tolist(),
        )
        return [
            Message(row, key, sender, recipient, block.content[start:end])
            for row, key, sender, recipient, start, end in zip(*columns, strict=True)
        ]

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[list[Message]]:
        """All messages, block by block; a block's memory is free once its messages are."""
        for lo in range(0, len(self), rows):
            yield self.messages(lo, min(lo + rows, len(self)))
