"""From Arrow arrays and Python objects to values, and back to Python objects."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import ChainableUndefined, Environment, StrictUndefined, Undefined
from markupsafe import Markup

from engine.templates.values import Column, Const, Mask, Nested, Numbers, Objects, Texts, Times, Value, flattened, some

_TEXTUAL = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_LISTS = (pa.types.is_large_list, pa.types.is_fixed_size_list)
_NUMERIC = (pa.types.is_integer, pa.types.is_floating)


def from_arrow(array: pa.Array, undefined: Mask = None, codes: Any = None) -> Column:
    """The value of an array whose rows are what ``array.to_pylist()`` gives."""
    array = flattened(array)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _from_dictionary(array, undefined, codes)
    if any(test(kind) for test in _TEXTUAL):
        return Texts(array if pa.types.is_string(kind) else array.cast(pa.string()), codes, undefined)
    if pa.types.is_boolean(kind) or any(test(kind) for test in _NUMERIC):
        numbers = _numbers(array if codes is None else array.take(pa.array(codes)), undefined)
        if numbers is not None:
            return numbers
    if pa.types.is_struct(kind) or pa.types.is_list(kind):
        return Nested(array, codes, undefined)
    if any(test(kind) for test in _LISTS):
        return Nested(array.cast(pa.list_(kind.value_type)), codes, undefined)
    if (pa.types.is_timestamp(kind) and kind.unit != "ns") or pa.types.is_date32(kind):
        return Times(array, codes, undefined)
    return _from_python(array, undefined, codes)


def _from_dictionary(array: pa.DictionaryArray, undefined: Mask, codes: Any) -> Column:
    indices = array.indices
    values = array.dictionary
    if indices.null_count:
        values = pa.concat_arrays([values, pa.nulls(1, values.type)])
        indices = (
            indices.fill_null(len(values) - 1)
            if len(values) - 1 < 127
            else indices.cast(pa.int32()).fill_null(len(values) - 1)
        )
    inner = indices.cast(pa.int32()).to_numpy(zero_copy_only=False)
    return from_arrow(values, undefined, inner if codes is None else inner[codes])


def _from_python(array: pa.Array, undefined: Mask, codes: Any) -> Objects:
    rows = array.to_pylist()
    count = len(rows) if codes is None else len(codes)
    table = np.arange(count, dtype=np.int32) if codes is None else codes
    return Objects(rows, table, undefined)


def _numbers(array: pa.Array, undefined: Mask) -> Numbers | None:
    none = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    kind = array.type
    if pa.types.is_boolean(kind):
        data = (array.fill_null(False) if none is not None else array).to_numpy(zero_copy_only=False)
        return Numbers(data, none, undefined)
    if none is not None:
        array = pc.fill_null(array, pa.scalar(0, kind))
    if pa.types.is_uint64(kind):  # what holds more than an int64 does must not hang on the batch
        return None
    wanted = np.int64 if pa.types.is_integer(kind) else np.float64
    return Numbers(array.to_numpy(zero_copy_only=False).astype(wanted, copy=False), none, undefined)


def from_objects(values: list[Any], codes: npt.NDArray[np.int32], bad: Mask = None, lazy: bool = False) -> Value:
    """The narrowest column for Python objects; every row's type and value stay what they are."""
    kinds = {type(each) for each in values}
    none = type(None) in kinds
    kinds.discard(type(None))
    if len(kinds) == 1 and not lazy:
        made = _narrow(kinds.pop(), values, codes, none)
        if made is not None:
            made.bad = bad
            return made
    return Objects(values, codes, bad, lazy)


def _narrow(kind: type, values: list[Any], codes: npt.NDArray[np.int32], none: bool) -> Texts | Numbers | None:
    if kind is str or kind is Markup:
        try:
            return Texts(pa.array(values, pa.string()), codes, safe=kind is Markup)
        except UnicodeEncodeError:
            return None
    if kind in (int, float, bool):
        absent = np.fromiter((each is None for each in values), bool, len(values)) if none else None
        try:
            data = np.array(
                [0 if each is None else each for each in values], {int: np.int64, float: np.float64, bool: bool}[kind]
            )
        except OverflowError:
            return None
        return Numbers(data[codes], None if absent is None else some(absent[codes]))
    return None


def to_objects(value: Value, environment: Environment, n: int) -> Objects:
    """The same rows as Python objects, each distinct one once where that is cheap to know."""
    if isinstance(value, Objects):
        return value
    if isinstance(value, Const):
        return Objects([value.value], np.zeros(n, np.int32), np.ones(n, bool) if value.failed else None)
    if isinstance(value, Numbers):
        made = _objects_of_numbers(value)
    elif isinstance(value, Nested):
        made = _objects_of_nested(value)
    else:
        made = _objects_of_array(value)
    return with_undefined(made, value.undefined, environment)


def with_undefined(made: Objects, undefined: Mask, environment: Environment) -> Objects:
    if undefined is None:
        return made
    codes = np.where(undefined, np.int32(len(made.values)), made.codes).astype(np.int32)
    made = Objects([*made.values, environment.undefined(name="value")], codes, made.bad)
    if exact_undefined(environment):
        return made
    made.bad = undefined if made.bad is None else made.bad | undefined
    return made


def exact_undefined(environment: Environment) -> bool:
    """Whether the environment's undefined says nothing of its name except in an exception."""
    return environment.undefined in (Undefined, StrictUndefined, ChainableUndefined)


def python_rows(array: pa.Array) -> list[Any]:
    """``array.to_pylist()``, column by column."""
    kind = array.type
    if pa.types.is_list(kind):
        offsets = array.offsets.to_pylist()
        first = offsets[0] if offsets else 0
        flat = python_rows(array.values.slice(first, (offsets[-1] if offsets else 0) - first))
        rows: list[Any] = [flat[start - first : end - first] for start, end in itertools.pairwise(offsets)]
    elif pa.types.is_struct(kind) and kind.num_fields == len({field.name for field in kind}) > 0:
        names = [field.name for field in kind]
        columns = [python_rows(array.field(place)) for place in range(kind.num_fields)]
        rows = [dict(zip(names, each, strict=True)) for each in zip(*columns, strict=True)]
    else:
        return array.to_pylist()  # type: ignore[no-any-return]
    if array.null_count:
        rows = [row if valid else None for row, valid in zip(rows, array.is_valid().to_pylist(), strict=True)]
    return rows


def _encoded(array: pa.Array) -> tuple[list[Any], npt.NDArray[np.int32]]:
    """Distinct entries (a null is one) and each entry's number."""
    coded = pc.dictionary_encode(array, null_encoding="encode")
    return coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)


def _objects_of_numbers(value: Numbers) -> Objects:
    data = value.data
    bits = data.view(np.int64) if data.dtype == np.float64 else data.astype(np.int64)
    mask = value.none
    coded = pc.dictionary_encode(
        pa.array(bits, mask=mask) if mask is not None else pa.array(bits), null_encoding="encode"
    )
    keys, codes = coded.dictionary, coded.indices.to_numpy(zero_copy_only=False)
    null = keys.is_null().to_numpy(zero_copy_only=False)
    raw = pc.fill_null(keys, 0).to_numpy()
    found: list[Any] = raw.view(np.float64).tolist() if data.dtype == np.float64 else raw.astype(data.dtype).tolist()
    return Objects(
        [None if none else each for each, none in zip(found, null, strict=True)],
        codes.astype(np.int32, copy=False),
        value.bad,
    )


def _objects_of_nested(value: Nested) -> Objects:
    if value.codes is None:
        return Objects(python_rows(value.array), np.arange(len(value.array), dtype=np.int32), value.bad)
    used, codes = np.unique(value.codes, return_inverse=True)
    return Objects(python_rows(value.array.take(pa.array(used))), codes.astype(np.int32), value.bad)


def _objects_of_array(value: Texts | Times) -> Objects:
    array, rows = value.array, value.codes
    if rows is not None and len(array) > len(rows):
        array, rows = array.take(pa.array(rows)), None
    values, codes = _encoded(array)
    if isinstance(value, Texts) and value.safe:
        values = [None if each is None else Markup(each) for each in values]  # noqa: S704
    return Objects(values, codes if rows is None else codes[rows], value.bad)


def list_bounds(value: Nested) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each row's items start in ``value.array.values``, and how many there are; None has no items."""
    offsets = value.array.offsets.to_numpy().astype(np.int64)
    starts, lengths = offsets[:-1], np.diff(offsets)
    if value.array.null_count:
        lengths = np.where(value.array.is_null().to_numpy(zero_copy_only=False), 0, lengths)
    if value.codes is not None:
        starts, lengths = starts[value.codes], lengths[value.codes]
    if value.undefined is not None:
        lengths = np.where(value.undefined, 0, lengths)
    return starts, lengths
