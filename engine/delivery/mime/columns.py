"""String columns seen as bytes: which rows are doubtful, and the few that are, one distinct value at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]


class HeaderError(ValueError):
    """Why a value cannot stand in a header; the message names no value."""


def byte_class(members: Iterable[int]) -> bytes:
    """A table for ``TextBytes.rows_holding``: which of the 256 bytes belong."""
    table = bytearray(256)
    for member in members:
        table[member] = 1
    return bytes(table)


@dataclass(frozen=True, slots=True)
class TextBytes:
    """A string column's own memory, not a copy: row i is ``content[offsets[i]:offsets[i + 1]]``. A null row is empty."""

    content: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int32]

    @classmethod
    def of(cls, texts: pa.StringArray) -> TextBytes:
        if len(texts) == 0:
            return cls(np.empty(0, np.uint8), np.zeros(1, np.int32))
        _, offsets_buffer, content_buffer = texts.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        content = np.frombuffer(content_buffer or b"", np.uint8)[offsets[0] : offsets[-1]]
        return cls(content, offsets - offsets[0])

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Octets of each row."""
        return np.diff(self.offsets)

    def rows_holding(self, members: bytes) -> Mask:
        """Where a row holds a byte of the class (see ``byte_class``)."""
        holding = np.zeros(len(self.offsets) - 1, np.bool_)
        found = np.flatnonzero(np.frombuffer(self.content.tobytes().translate(members), np.bool_))
        # An empty row begins where the next does: the last row that begins at or before a byte is the one that holds it.
        holding[np.searchsorted(self.offsets, found, side="right") - 1] = True
        return holding

    def first(self) -> npt.NDArray[np.uint8]:
        """The first byte of each row, 0 where it is empty."""
        return self._at(self.offsets[:-1])

    def last(self) -> npt.NDArray[np.uint8]:
        """The last byte of each row, 0 where it is empty."""
        return self._at(self.offsets[1:] - 1)

    def _at(self, places: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
        if len(self.content) == 0:
            return np.zeros(len(places), np.uint8)
        clipped = np.clip(places, 0, len(self.content) - 1)
        return np.where(self.lengths > 0, self.content[clipped], np.uint8(0))


def replace_distinct(
    texts: pa.StringArray, doubtful: Mask, encode: Callable[[str], str]
) -> tuple[pa.StringArray, dict[int, str]]:
    """``texts`` with ``encode`` applied to the doubtful rows, once a distinct value.

    Also the rows whose value raised HeaderError, with the reason; they become empty. A doubtful row must not be null.
    """
    if not doubtful.any():
        return texts, {}
    distinct = texts.filter(pa.array(doubtful)).dictionary_encode()
    encoded: list[str] = []
    reasons: dict[int, str] = {}
    for code, value in enumerate(distinct.dictionary.to_pylist()):
        try:
            encoded.append(encode(value))
        except HeaderError as fault:
            encoded.append("")
            reasons[code] = str(fault)
    replaced = pc.replace_with_mask(texts, pa.array(doubtful), pa.array(encoded, pa.string()).take(distinct.indices))
    if not reasons:
        return replaced, {}
    codes = zip(np.flatnonzero(doubtful).tolist(), distinct.indices.to_pylist(), strict=True)
    return replaced, {row: reasons[code] for row, code in codes if code in reasons}
