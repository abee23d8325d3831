"""Values put together: one below the other, or row by row from two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from jinja2 import Environment, Undefined
from markupsafe import Markup

from engine.templates.columns import from_objects, to_objects
from engine.templates.values import (
    Column,
    Const,
    Mask,
    Nested,
    Numbers,
    Objects,
    Texts,
    Times,
    Value,
    bad_rows,
    failed,
    gather,
    replace_bad,
)


def select(mask: npt.NDArray[np.bool_], yes: Value, no: Value, environment: Environment, n: int) -> Value:
    """``yes`` where the mask is true, else ``no``; only what is taken counts as bad."""
    if yes is no:
        return yes
    rows = np.arange(n, dtype=np.int32)
    return gather(stacked([yes, no], [n, n], environment), np.where(mask, rows, rows + np.int32(n)))


def stacked(values: Sequence[Value], sizes: Sequence[int], environment: Environment) -> Value:
    """The values of several frames, one frame's rows after the other's."""
    bad = _masks([bad_rows(value, size) for value, size in zip(values, sizes, strict=True)], sizes)
    kinds = {_kind(value) for value in values} - {"none", "undefined", "failed"}
    if len(kinds) == 1:
        made = _alike(kinds.pop(), values, sizes)
        if made is not None:
            return replace_bad(made, bad)
    if not kinds and all(isinstance(value, Const) and value.failed for value in values):
        return failed()
    return _stacked_objects(values, sizes, environment, bad)


def _kind(value: Value) -> str:
    if isinstance(value, Const):
        return "failed" if value.failed else _constant_kind(value.value)
    if isinstance(value, Numbers):
        return f"numbers {value.data.dtype}"
    if isinstance(value, Texts):
        return "markup" if value.safe else "text"
    if isinstance(value, Nested | Times):
        return f"array {value.array.type}"
    return "objects"


_KINDS = {
    str: "text",
    Markup: "markup",
    int: "numbers int64",
    float: "numbers float64",
    bool: "numbers bool",
    type(None): "none",
}


def _constant_kind(value: Any) -> str:
    if type(value) is Undefined:
        return "undefined"
    if type(value) is int and not -(2**63) <= value < 2**63:
        return "objects"
    return _KINDS.get(type(value), "objects")


def _alike(kind: str, values: Sequence[Value], sizes: Sequence[int]) -> Column | None:
    undefined = _masks([_undefined(value, size) for value, size in zip(values, sizes, strict=True)], sizes)
    if kind.startswith("numbers"):
        return _numbers(np.dtype(kind.split()[1]), values, sizes, undefined)
    if kind in ("text", "markup"):
        array, codes = _arrays([_text_array(value) for value in values], values, sizes)
        return Texts(array, codes, undefined, safe=kind == "markup")
    if kind == "objects":
        return None
    types = [value.array.type for value in values if isinstance(value, Nested | Times)]
    array, codes = _arrays([_typed_array(value, types[0]) for value in values], values, sizes)
    made = next(value for value in values if isinstance(value, Nested | Times))
    return Nested(array, codes, undefined) if isinstance(made, Nested) else Times(array, codes, undefined)


def _undefined(value: Value, size: int) -> Mask:
    if isinstance(value, Const):
        return np.ones(size, bool) if type(value.value) is Undefined else None
    return None if isinstance(value, Objects) else value.undefined


def _masks(masks: Sequence[Mask], sizes: Sequence[int]) -> Mask:
    if all(mask is None for mask in masks):
        return None
    return np.concatenate(
        [np.zeros(size, bool) if mask is None else mask for mask, size in zip(masks, sizes, strict=True)]
    )


def _numbers(kind: np.dtype[Any], values: Sequence[Value], sizes: Sequence[int], undefined: Mask) -> Numbers:
    data: list[Any] = []
    none: list[Mask] = []
    for value, size in zip(values, sizes, strict=True):
        if isinstance(value, Numbers):
            data.append(value.data)
            none.append(value.none)
        else:
            known = isinstance(value, Const) and type(value.value) in (int, float, bool)
            data.append(np.full(size, value.value if known and isinstance(value, Const) else 0, kind))
            none.append(np.ones(size, bool) if isinstance(value, Const) and value.value is None else None)
    return Numbers(np.concatenate(data), _masks(none, sizes), undefined)


def _text_array(value: Value) -> pa.Array:
    if isinstance(value, Texts):
        return value.array
    text = str(value.value) if isinstance(value, Const) and isinstance(value.value, str) else None
    return pa.array([text], pa.string())


def _typed_array(value: Value, kind: pa.DataType) -> pa.Array:
    return value.array if isinstance(value, Nested | Times) else pa.nulls(1, kind)


def _arrays(
    arrays: list[pa.Array], values: Sequence[Value], sizes: Sequence[int]
) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """One array of all, each array in it once, and the rows' codes."""
    bases: dict[int, int] = {}
    distinct: list[pa.Array] = []
    total = 0
    codes: list[Any] = []
    for array, value, size in zip(arrays, values, sizes, strict=True):
        if id(array) not in bases:
            bases[id(array)] = total
            distinct.append(array)
            total += len(array)
        codes.append(_codes(value, size) + np.int32(bases[id(array)]))
    whole = distinct[0] if len(distinct) == 1 else pa.concat_arrays(distinct)
    return whole, np.concatenate(codes).astype(np.int32, copy=False)


def _codes(value: Value, size: int) -> npt.NDArray[np.int32]:
    if isinstance(value, Const):
        return np.zeros(size, np.int32)
    if isinstance(value, Texts | Nested | Times) and value.codes is not None:
        return value.codes
    return np.arange(size, dtype=np.int32)


def _stacked_objects(values: Sequence[Value], sizes: Sequence[int], environment: Environment, bad: Mask) -> Value:
    parts = [to_objects(value, environment, size) for value, size in zip(values, sizes, strict=True)]
    objects: list[Any] = []
    codes: list[Any] = []
    for part in parts:
        codes.append(part.codes + np.int32(len(objects)))
        objects.extend(part.values)
    lost = _masks([part.bad for part in parts], sizes)
    bad = lost if bad is None else (bad if lost is None else bad | lost)
    lazy = any(part.lazy for part in parts)
    if lazy and not all(part.lazy for part in parts):
        return failed()
    return from_objects(objects, np.concatenate(codes).astype(np.int32, copy=False), bad, lazy)
