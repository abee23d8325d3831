"""Values over the rows of a frame.

A value is one Python object for all rows (``Const``) or a column: ``Texts``, ``Numbers``, ``Nested`` (structs and lists), ``Times`` or, for
everything else, ``Objects``. Columns other than ``Numbers`` are coded: row i is ``array[codes[i]]``, or ``array[i]`` when there are no
codes, so that a sub-frame's column shares its parent's array. Beside what a row holds, three masks say what Arrow has no word for:
``undefined`` (Jinja2's undefined), ``bad`` (evaluating the row raises, or may raise: Jinja2 itself will decide), and for ``Numbers``
``none`` (Python's None). A mask that is None is false everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask: TypeAlias = npt.NDArray[np.bool_] | None
Rows: TypeAlias = npt.NDArray[np.int32]


@dataclass(slots=True)
class Const:
    """The same object in every row; ``failed`` when evaluating it raises."""

    value: Any
    failed: bool = False


@dataclass(slots=True)
class Numbers:
    """int64, float64 or bool rows."""

    data: npt.NDArray[Any]
    none: Mask = None
    undefined: Mask = None
    bad: Mask = None


@dataclass(slots=True)
class Texts:
    """Strings; a null of the array is None. ``safe`` says that they are ``Markup``."""

    array: pa.StringArray
    codes: Rows | None = None
    undefined: Mask = None
    bad: Mask = None
    safe: bool = False


@dataclass(slots=True)
class Nested:
    """Structs or lists; a null of the array is None."""

    array: pa.Array
    codes: Rows | None = None
    undefined: Mask = None
    bad: Mask = None


@dataclass(slots=True)
class Times:
    """Dates and times of day or of history; a null of the array is None."""

    array: pa.Array
    codes: Rows | None = None
    undefined: Mask = None
    bad: Mask = None


@dataclass(slots=True)
class Objects:
    """Any Python objects: row i is ``values[codes[i]]``. ``lazy`` marks lists that Jinja2 would hold as iterators."""

    values: list[Any]
    codes: Rows
    bad: Mask = None
    lazy: bool = False


Column: TypeAlias = Numbers | Texts | Nested | Times | Objects
Value: TypeAlias = Const | Column
Coded: TypeAlias = Texts | Nested | Times
AnyCoded = TypeVar("AnyCoded", Texts, Nested, Times)


def union(*masks: Mask) -> Mask:
    """Rows in any of the masks."""
    found: Mask = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else found | mask
    return found


def invert(mask: Mask, n: int) -> npt.NDArray[np.bool_]:
    return np.ones(n, bool) if mask is None else ~mask


def within(mask: Mask, rows: Mask) -> Mask:
    """Of the mask's rows, those in ``rows`` (None: all)."""
    return mask if mask is None or rows is None else mask & rows


def some(mask: Mask) -> Mask:
    """The mask, or None when it is false everywhere."""
    return mask if mask is not None and mask.any() else None


def bad_rows(value: Value, n: int) -> Mask:
    if isinstance(value, Const):
        return np.ones(n, bool) if value.failed else None
    return value.bad


def undefined_rows(value: Column) -> Mask:
    return None if isinstance(value, Objects) else value.undefined


def with_bad(value: Value, bad: Mask, n: int) -> Value:
    """The value, bad in these rows too."""
    if bad is None:
        return value
    if isinstance(value, Const):
        if value.failed:
            return value
        return Objects([value.value], np.zeros(n, np.int32), bad)
    return replace(value, bad=union(value.bad, bad))


def replace_bad(value: Column, bad: Mask) -> Column:
    """The column with these bad rows and no others."""
    return replace(value, bad=some(bad))


def failed() -> Const:
    return Const(None, failed=True)


def _at(mask: Mask, rows: Rows) -> Mask:
    return None if mask is None else some(mask[rows])


def gather(value: Value, rows: Rows) -> Value:
    """The value of a frame that has these rows of the value's frame."""
    if isinstance(value, Const):
        return value
    if isinstance(value, Numbers):
        return Numbers(value.data[rows], _at(value.none, rows), _at(value.undefined, rows), _at(value.bad, rows))
    if isinstance(value, Objects):
        return replace(value, codes=value.codes[rows], bad=_at(value.bad, rows))
    codes = rows if value.codes is None else value.codes[rows]
    return replace(value, codes=codes, undefined=_at(value.undefined, rows), bad=_at(value.bad, rows))


def validity(value: Coded) -> Mask:
    """Rows that are None (undefined ones too, as their entries are null or unused)."""
    if value.array.null_count == 0:
        return None
    null = value.array.is_null().to_numpy(zero_copy_only=False)
    return some(null if value.codes is None else null[value.codes])


def none_rows(value: Column, n: int) -> Mask:
    """Rows whose value is None; an undefined row is not among them."""
    if isinstance(value, Objects):
        table = np.fromiter((each is None for each in value.values), bool, len(value.values))
        return some(table[value.codes]) if n else None
    none = value.none if isinstance(value, Numbers) else validity(value)
    return none if none is None or value.undefined is None else some(none & ~value.undefined)


def absent_rows(value: Column, n: int) -> Mask:
    """Rows that are None or undefined."""
    return union(none_rows(value, n), undefined_rows(value))


def compact(value: AnyCoded) -> AnyCoded:
    """The value without codes: its array has one entry a row."""
    if value.codes is None:
        return value
    return replace(value, array=value.array.take(pa.array(value.codes)), codes=None)


def dense(value: AnyCoded, slack: int = 2) -> AnyCoded:
    """Compact where the array has many more entries than there are rows, so that work on the array is not wasted."""
    if value.codes is not None and len(value.array) > slack * len(value.codes):
        return compact(value)
    return value


def flattened(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One contiguous array."""
    if isinstance(array, pa.ChunkedArray):
        return array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    return array
