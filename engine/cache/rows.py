"""Rows of a batch as bytes, each alone, and back: what a cache keeps by key and must put together again a thousand at a time.

An Arrow message for every row costs 0.7 kB and about 6 microseconds to read and join; this layout costs the row's own bytes and some
tenths of a microsecond, because packing and unpacking are a handful of Arrow and numpy calls for the whole batch.

    head | bits: which are null | values of fixed width | lengths (u32) of the others | the others' bytes        little-endian
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


class RowFormat:
    """Packs rows of one schema. Columns may be numbers, instants, booleans, texts and bytes; ValueError for any other.

    A packed row begins with ``head`` bytes that are its keeper's.
    """

    def __init__(self, schema: pa.Schema, head: int) -> None:
        self.schema = schema
        self.head = head
        self._texts = [name for name, kind in zip(schema.names, schema.types, strict=True) if _is_text(kind)]
        fixed = [(f".{each.name}", f"V{_width(each)}") for each in schema if each.name not in self._texts]
        self._layout = np.dtype(
            [
                ("head", f"V{head}"),
                ("null", "u1", ((len(schema) + 7) // 8,)),
                *fixed,
                ("lengths", "<u4", (len(self._texts),)),
            ]
        )

    def pack(self, batch: pa.RecordBatch, heads: bytes) -> list[bytes]:
        """Each row; ``heads`` are their heads, one after the other."""
        table = np.zeros(batch.num_rows, self._layout)
        table["head"] = np.frombuffer(heads, f"V{self.head}")
        nulls = [batch.column(name).is_null().to_numpy(zero_copy_only=False) for name in self.schema.names]
        table["null"] = np.packbits(np.stack(nulls, axis=1), axis=1)
        texts = []
        for name, null in zip(self.schema.names, nulls, strict=True):
            column = batch.column(name)
            if name in self._texts:
                texts.append(pc.fill_null(column.cast(pa.binary()), b""))
                table["lengths"][:, len(texts) - 1] = pc.binary_length(texts[-1]).to_numpy()
            else:
                table[f".{name}"] = _raw(column)
                table[f".{name}"][null] = np.zeros(1, self._layout[f".{name}"])
        return _cut(pc.binary_join_element_wise(_strings(table), *texts, b"") if texts else _strings(table))

    def unpack(self, rows: Sequence[bytes]) -> pa.RecordBatch:
        """The batch of these rows, in their order. They must be what ``pack`` gave under this schema."""
        width, count = self._layout.itemsize, len(rows)
        ends = np.cumsum(np.fromiter(map(len, rows), np.int64, count))
        starts = ends - np.diff(ends, prepend=0)
        joined = pa.py_buffer(b"".join(rows))
        halves = _pieces(joined, np.append(np.stack([starts, starts + width], axis=1).ravel(), joined.size))
        table = np.frombuffer(_contents(halves.take(pa.array(np.arange(0, 2 * count, 2)))), self._layout)
        present = np.unpackbits(table["null"], axis=1, count=len(self.schema)) == 0
        each = len(self._texts) + 1
        lengths = np.concatenate([np.full((count, 1), width), table["lengths"]], axis=1)
        texts = _pieces(joined, np.concatenate([[0], np.cumsum(lengths.ravel(), dtype=np.int64)]))
        columns = []
        for place, field in enumerate(self.schema):
            if field.name in self._texts:
                at = np.arange(1 + self._texts.index(field.name), count * each, each)
                valid = None if present[:, place].all() else ~present[:, place]
                columns.append(texts.take(pa.array(at, mask=valid)).cast(field.type))
            else:
                columns.append(_column(field, table[f".{field.name}"], present[:, place]))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _width(field: pa.Field) -> int:
    """Bytes of a value."""
    kind = field.type
    if pa.types.is_boolean(kind):
        return 1
    if not (pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_fixed_size_binary(kind)):
        raise ValueError(f"a cache cannot keep column {field.name} of type {kind}")
    return int(kind.bit_width) // 8


def _raw(column: pa.Array) -> npt.NDArray[np.void]:
    """The values' bytes as they lie in the column; what stands in the place of a null is anything."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    width = int(column.type.bit_width) // 8
    end = column.offset + len(column)
    return np.frombuffer(column.buffers()[1] or b"", f"V{width}", end)[column.offset :]


def _column(field: pa.Field, values: npt.NDArray[np.void], present: npt.NDArray[np.bool_]) -> pa.Array:
    count = len(values)
    bits = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little").tobytes())
    if pa.types.is_boolean(field.type):
        truth = np.packbits(values.view("u1") != 0, bitorder="little")
        return pa.Array.from_buffers(field.type, count, [bits, pa.py_buffer(truth.tobytes())])
    return pa.Array.from_buffers(field.type, count, [bits, pa.py_buffer(values.tobytes())])


def _strings(table: npt.NDArray[np.void]) -> pa.BinaryArray:
    """Each row of a numpy table as bytes."""
    return _pieces(pa.py_buffer(table.tobytes()), np.arange(len(table) + 1) * table.itemsize)


def _pieces(joined: pa.Buffer, offsets: npt.NDArray[np.int64]) -> pa.BinaryArray:
    """What lies between offsets in one run of bytes, nothing copied."""
    return pa.Array.from_buffers(
        pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets.astype(np.int32).tobytes()), joined]
    )


def _contents(pieces: pa.BinaryArray) -> Any:
    """The bytes of an array that is nobody's slice."""
    return pieces.buffers()[2] or b""


def _cut(packed: pa.BinaryArray) -> list[bytes]:
    offsets = np.frombuffer(packed.buffers()[1], np.int32, len(packed) + 1).tolist()
    whole = bytes(_contents(packed))
    return [whole[start:end] for start, end in pairwise(offsets)]
