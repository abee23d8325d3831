"""Filters over lists: attributes are read off the columns before Jinja2's own function sees a row's list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engine.templates.columns import exact_undefined, list_bounds
from engine.templates.expressions.access import list_item, ragged
from engine.templates.expressions.calls import Arguments
from engine.templates.frame import Frame
from engine.templates.scope import Site
from engine.templates.values import Const, Nested, Texts, Value, absent_rows, union, validity, with_bad

# Their result is an iterator in Jinja2; here it is a list that only what reads iterators may read.
LAZY = frozenset(
    {"map", "select", "reject", "selectattr", "rejectattr", "unique", "batch", "slice", "items", "reverse"}
)
# They read an iterator once, from its beginning.
READERS = LAZY | frozenset({"join", "list", "sum", "sort", "first", "min", "max", "groupby"})
# They give one of their operands, or nothing of their own.
PASSING = frozenset({"default", "d"})


def attribute_argument(name: str, arguments: Arguments) -> str | None:
    """The attribute that ``map``, ``sum`` or ``join`` reads of its items, where that is all it does with them."""
    if arguments.starred or arguments.mapped or arguments.names != ("attribute",):
        return None
    if len(arguments.positional) > {"map": 0, "sum": 0, "join": 1}.get(name, -1):
        return None
    value = arguments.named[0].const
    return value.value if value is not None and type(value.value) is str else None


def projected(value: Value, attribute: str) -> Nested | None:
    """The lists of an attribute instead of the lists of structs that have it."""
    if not isinstance(value, Nested) or not pa.types.is_list(value.array.type):
        return None
    array = _field(value.array.values, attribute)
    return None if array is None else _lists(value, array)


def _lists(value: Nested, child: pa.Array) -> Nested:
    starts, lengths = list_bounds(value)
    made, _ = ragged(child, starts, lengths)
    none = value.array.is_null().to_numpy(zero_copy_only=False) if value.array.null_count else None
    if none is not None and value.codes is not None:
        none = none[value.codes]
    if none is not None and none.any():
        made = pa.ListArray.from_arrays(pa.array(made.offsets.to_numpy()), made.values, mask=pa.array(none))
    return Nested(made, None, value.undefined, value.bad)


def _field(array: pa.Array, path: str) -> pa.Array | None:
    """The attribute of every item, or None where an item lacks it (and Jinja2 would see undefined)."""
    for part in path.split("."):
        if not pa.types.is_struct(array.type) or array.null_count or part.isdigit():
            return None
        place = array.type.get_field_index(part)
        if place < 0:
            return None
        array = array.field(place)
    return array


def first(frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    return _end(frame, site, value, args, kwargs, 0)


def last(frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    return _end(frame, site, value, args, kwargs, -1)


def _end(
    frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any], index: int
) -> Value | None:
    """The first or last item of a list, undefined where it is empty; None has none and raises."""
    if (
        args
        or kwargs
        or not isinstance(value, Nested)
        or not pa.types.is_list(value.array.type)
        or not exact_undefined(site.environment)
    ):
        return None
    bad = absent_rows(value, frame.n)
    return with_bad(list_item(frame, replace(value, undefined=None), index, site.environment), bad, frame.n)


def join_texts(value: Nested, separator: Value) -> Texts | None:
    """``join`` of lists of texts without None."""
    array = value.array
    kind = array.type
    if (
        not pa.types.is_list(kind)
        or not pa.types.is_string(kind.value_type)
        or array.values.null_count
        or value.undefined is not None
    ):
        return None
    if not isinstance(separator, Const) or type(separator.value) is not str:
        return None
    none = validity(value)
    joined = pc.binary_join(array, separator.value)
    return Texts(pc.fill_null(joined, ""), value.codes, bad=union(value.bad, none))
