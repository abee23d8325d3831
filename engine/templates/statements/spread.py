"""Loops at work: what a value gives when it is iterated over, all rows' items one after the other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from jinja2 import Environment, Undefined

from engine.templates.columns import from_objects, list_bounds, to_objects
from engine.templates.expressions.access import child_of
from engine.templates.frame import MOST_ROWS, Frame, TooManyRowsError
from engine.templates.values import Mask, Nested, Value, absent_rows, gather, none_rows, union

LEAST_ROWS = 500_000
ITEMS_A_ROW = 256


class Spread(NamedTuple):
    """``lengths[i]`` items for row i; ``bad`` rows cannot be iterated over."""

    lengths: npt.NDArray[np.int64]
    items: Value
    bad: Mask


def spread(frame: Frame, value: Value, environment: Environment) -> Spread:
    """Iterate over a value in every row."""
    if isinstance(value, Nested) and pa.types.is_list(value.array.type):
        return _lists(frame, value, environment)
    objects = to_objects(value, environment, frame.n)
    tables: list[list[Any]] = []
    lost = np.zeros(len(objects.values), bool)
    for index, each in enumerate(objects.values):
        try:
            tables.append(list(each))
        except Exception:
            tables.append([])
            lost[index] = True
    bad = union(objects.bad, lost[objects.codes] if lost.any() else None)
    sizes = np.fromiter(map(len, tables), np.int64, len(tables))
    starts = np.cumsum(sizes) - sizes
    lengths = sizes[objects.codes] if frame.n else np.zeros(0, np.int64)
    places = _places(starts[objects.codes], lengths, most_rows(frame))
    flat = [item for table in tables for item in table]
    return Spread(lengths, from_objects(flat, places), bad)


def _lists(frame: Frame, value: Nested, environment: Environment) -> Spread:
    starts, lengths = list_bounds(value)
    bad = union(value.bad, none_rows(value, frame.n))
    if environment.undefined is not Undefined:
        bad = union(bad, absent_rows(value, frame.n))
    child = child_of(frame, value)
    return Spread(lengths, gather(child, _places(starts, lengths, most_rows(frame))), bad)


def most_rows(frame: Frame) -> int:
    """How many items may be at work at once: few for small batches, so that a template that loops for ever is soon left to Jinja2."""
    rows: int = frame.batch.columns.num_rows
    return min(MOST_ROWS, max(LEAST_ROWS, ITEMS_A_ROW * rows))


def _places(starts: npt.NDArray[Any], lengths: npt.NDArray[np.int64], most: int = MOST_ROWS) -> npt.NDArray[np.int32]:
    """Where each item is: runs of consecutive places."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    if total > most:
        raise TooManyRowsError(f"{total:,} rows in nested loops")
    places: npt.NDArray[np.int32] = (np.arange(total) + np.repeat(starts - (ends - lengths), lengths)).astype(np.int32)
    return places


def unpacked(value: Value, count: int, environment: Environment, n: int) -> tuple[list[Value], Mask]:
    """The value's ``count`` items in every row, and the rows that have another number of them."""
    objects = to_objects(value, environment, n)
    parts: list[tuple[Any, ...]] = []
    lost = np.zeros(len(objects.values), bool)
    for index, each in enumerate(objects.values):
        try:
            items = tuple(each)
        except Exception:
            items = ()
        if len(items) != count:
            lost[index] = True
            items = (None,) * count
        parts.append(items)
    bad = union(objects.bad, lost[objects.codes] if lost.any() else None)
    return [from_objects([items[place] for items in parts], objects.codes) for place in range(count)], bad
