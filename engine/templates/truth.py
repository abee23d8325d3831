"""Truth: which rows of a value are true, as Python's ``bool`` has it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from jinja2 import Environment, Undefined

from engine.templates.columns import list_bounds, to_objects
from engine.templates.values import Const, Mask, Nested, Numbers, Objects, Texts, Value, union, validity


class Truth(NamedTuple):
    """Rows that are true, or one answer for all; ``bad`` rows raise."""

    true: npt.NDArray[np.bool_] | bool
    bad: Mask = None

    def mask(self, n: int) -> npt.NDArray[np.bool_]:
        return np.full(n, self.true) if isinstance(self.true, bool) else self.true


def truth(value: Value, environment: Environment, n: int) -> Truth:
    """The truth of a value; undefined is false where the environment's undefined allows the question."""
    if isinstance(value, Const):
        return _constant(value, n)
    if isinstance(value, Objects):
        return _objects(value)
    if value.undefined is not None and environment.undefined is not Undefined:
        bare = value.undefined
        return Truth(_column(value, environment, n) & ~bare, union(value.bad, bare))
    mask = _column(value, environment, n)
    return Truth(mask if value.undefined is None else mask & ~value.undefined, value.bad)


def _constant(value: Const, n: int) -> Truth:
    if value.failed:
        return Truth(False, np.ones(n, bool))
    try:
        return Truth(bool(value.value))
    except Exception:
        return Truth(False, np.ones(n, bool))


def _objects(value: Objects) -> Truth:
    if value.lazy:
        return Truth(True, value.bad)
    table = np.zeros(len(value.values), bool)
    lost = np.zeros(len(value.values), bool)
    for index, each in enumerate(value.values):
        try:
            table[index] = bool(each)
        except Exception:
            lost[index] = True
    bad = union(value.bad, lost[value.codes] if lost.any() else None)
    return Truth(table[value.codes], bad)


def _column(value: Value, environment: Environment, n: int) -> npt.NDArray[np.bool_]:
    if isinstance(value, Numbers):
        mask = value.data if value.data.dtype == np.bool_ else value.data != 0
        return mask if value.none is None else mask & ~value.none
    if isinstance(value, Texts):
        return _by_entry(value, np.diff(text_offsets(value.array)) > 0)
    if isinstance(value, Nested) and pa.types.is_list(value.array.type):
        return list_bounds(value)[1] > 0
    if isinstance(value, Nested) and value.array.type.num_fields == 0:
        return np.zeros(n, bool)
    if isinstance(value, Const | Objects):
        return _objects(to_objects(value, environment, n)).mask(n)
    none = validity(value)
    return np.ones(n, bool) if none is None else ~none


def _by_entry(value: Texts, table: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    if value.array.null_count:
        table = table & value.array.is_valid().to_numpy(zero_copy_only=False)
    return table if value.codes is None else table[value.codes]


def text_offsets(array: pa.StringArray) -> npt.NDArray[np.int32]:
    """Where each string starts in the array's bytes, and where the last ends."""
    if len(array) == 0:
        return np.zeros(1, np.int32)
    return np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
