"""Frames: the rows that a statement runs over, and the batch they all belong to.

The outermost frame has the batch's rows. A branch runs over a sub-frame of the rows that take it, a loop over a sub-frame with one row an
item; ``rows`` says which row of the parent each of its rows is (None: the same). Values are kept by their expression's number, so what
several places of a program (or several parts of a message) ask for is evaluated once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.templates.remembering import Known
from engine.templates.rope import Chunk, Pool
from engine.templates.values import Mask, Rows, Value, union

MOST_ROWS = 4_000_000


class TooManyRowsError(Exception):
    """Nested loops over a batch give more rows than are worth holding at once."""


@dataclass
class Memory:
    """What a program keeps between batches: results for distinct inputs, bounded, and arrays that are the same in every batch."""

    results: dict[Hashable, Known] = field(default_factory=dict)
    arrays: dict[Hashable, pa.StringArray] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    """Held while a batch is rendered: one program may serve several threads."""

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept."""
        return sum(each.nbytes for each in [*self.results.values(), *self.arrays.values()])

    def known(self, key: Hashable) -> Known:
        """The table of an operation's results."""
        found = self.results.get(key)
        if found is None:
            found = self.results[key] = Known()
        return found

    def array(self, key: Hashable, make: Callable[[], pa.StringArray]) -> pa.StringArray:
        found = self.arrays.get(key)
        if found is None:
            found = self.arrays[key] = make()
        return found


def compact(columns: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, copied where it is a small part of larger lists: their items are looked at as a whole."""
    if columns.get_total_buffer_size() <= 2 * columns.nbytes or not any(nested(kind) for kind in columns.schema.types):
        return columns
    return columns.take(pa.array(np.arange(columns.num_rows, dtype=np.int64)))


def nested(kind: pa.DataType) -> bool:
    """Whether values of a type hold lists or maps."""
    children = (kind.field(number).type for number in range(kind.num_fields))
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind) or any(map(nested, children))


class Batch:
    """One batch being rendered: its columns, and the pool that its pieces are collected in."""

    def __init__(self, columns: pa.RecordBatch, memory: Memory, statics: Chunk) -> None:
        self.columns = compact(columns)
        self.memory = memory
        self._chunks: list[Chunk] = []
        self._bases: dict[int, int] = {}
        self._length = 0
        self._derived: dict[tuple[int, Hashable], tuple[Any, Any]] = {}
        self._kept: dict[int, tuple[Any, dict[Hashable, Any]]] = {}
        self.frames: list[Frame] = []
        self._constants: dict[str, pa.StringArray] = {}
        self.register(statics.texts, statics.key)

    def register(self, texts: pa.StringArray, key: Hashable | None = None) -> int:
        """The number of the first piece of an array; it enters the pool once."""
        base = self._bases.get(id(texts))
        if base is None:
            base = self._bases[id(texts)] = self._length
            self._chunks.append(Chunk(texts, key))
            self._length += len(texts)
        return base

    def constant(self, text: str) -> int:
        """The piece of a text that became known with the batch."""
        array = self._constants.get(text)
        if array is None:
            array = self._constants[text] = pa.array([text], pa.string())
        return self.register(array)

    def derived(self, source: Any, key: Hashable, make: Callable[[], Any]) -> Any:
        """What was made of an array under this key, made once; the array is kept alive meanwhile."""
        kept, table = self._kept.get(id(source), (None, {}))
        if kept is source:
            if key not in table:
                table[key] = make()
            return table[key]
        found = self._derived.get((id(source), key))
        if found is None:
            found = self._derived[(id(source), key)] = (source, make())
        return found[1]

    def keep(self, known: Known) -> None:
        """What is derived of a table that outlives the batch outlives it too."""
        self._kept[id(known.texts)] = (known.texts, known.derived)

    def release(self) -> None:
        """Let go of what the frames hold, and so of each other: a worker's memory must not wait for Python to look for cycles."""
        for frame in self.frames:
            for held in (frame.memo, frame.slots, frame.printed, frame.loops):
                held.clear()
        self.frames.clear()
        self._derived.clear()
        self._kept.clear()

    def pool(self) -> Pool:
        return Pool(tuple(self._chunks))


class Frame:
    """Some rows. ``depth`` is 0 for the batch; ``last_loop`` is the depth of the nearest loop's frame around, 0 when there is none."""

    __slots__ = ("bad", "batch", "depth", "last_loop", "loops", "memo", "n", "parent", "printed", "rows", "slots")

    def __init__(
        self, batch: Batch, n: int, parent: Frame | None = None, rows: Rows | None = None, loop: bool = False
    ) -> None:
        if n > MOST_ROWS:
            raise TooManyRowsError(f"{n:,} rows in nested loops")
        self.batch = batch
        self.n = n
        self.parent = parent
        self.rows = rows
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.last_loop: int = self.depth if loop else (0 if parent is None else parent.last_loop)
        self.memo: dict[int, Value] = {}
        self.slots: dict[int, Value] = {}
        self.loops: dict[Hashable, tuple[Any, Frame, Frame]] = {}
        self.printed: dict[tuple[int, bool | None], list[Any]] = {}
        self.bad: Mask = None
        batch.frames.append(self)

    def sub(self, rows: Rows | None, *, loop: bool = False) -> Frame:
        """A frame of some rows; None is all of them, one to one."""
        return Frame(self.batch, self.n if rows is None else len(rows), self, rows, loop)

    def mark(self, bad: Mask) -> None:
        """These rows raise, or may: Jinja2 renders them."""
        if bad is not None:
            self.bad = union(self.bad, bad)

    def mark_all(self) -> None:
        self.bad = np.ones(self.n, bool)

    def close(self) -> None:
        """Tell the parent frame which of its rows are bad because of this frame's."""
        if self.bad is None or self.parent is None:
            return
        if self.rows is None:
            self.parent.mark(self.bad)
            return
        mask = np.zeros(self.parent.n, bool)
        mask[self.rows[self.bad]] = True
        self.parent.mark(mask)

    def rows_in(self, outer: Frame) -> Rows:
        """For each row, which row of an outer frame it belongs to."""
        rows: npt.NDArray[np.int32] | None = None
        frame: Frame = self
        while frame is not outer:
            if frame.parent is None:
                raise LookupError("not an outer frame")
            if frame.rows is not None:
                rows = frame.rows if rows is None else frame.rows[rows]
            frame = frame.parent
        return np.arange(self.n, dtype=np.int32) if rows is None else rows
