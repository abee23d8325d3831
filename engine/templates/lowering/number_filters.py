"""Filters from numbers, and the length of things."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Undefined

from engine.templates.columns import list_bounds
from engine.templates.frame import Frame
from engine.templates.scope import Site
from engine.templates.values import Nested, Numbers, Texts, Value, absent_rows, none_rows, union

MOST_PLACES = 9


def length(frame: Frame, site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    if args or kwargs or not isinstance(value, Texts | Nested):
        return None
    bad = union(
        value.bad, none_rows(value, frame.n), None if site.environment.undefined is Undefined else value.undefined
    )
    if isinstance(value, Texts):
        sizes = pc.fill_null(pc.utf8_length(value.array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        sizes = sizes if value.codes is None else sizes[value.codes]
    elif pa.types.is_list(value.array.type):
        sizes = list_bounds(value)[1]
    else:
        sizes = np.full(frame.n, len({field.name for field in value.array.type}), np.int64)
    if value.undefined is not None:
        sizes = np.where(value.undefined, 0, sizes)
    return Numbers(sizes, bad=bad)


def round_(frame: Frame, _site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    given = dict(zip(("precision", "method"), args, strict=False)) | kwargs
    places = given.get("precision", 0)
    if not isinstance(value, Numbers) or given.get("method", "common") != "common" or len(args) > 2:
        return None
    if type(places) is not int or not 0 <= places <= MOST_PLACES or set(given) - {"precision", "method"}:
        return None
    bad = union(value.bad, absent_rows(value, frame.n))
    if value.data.dtype == np.int64:
        return Numbers(value.data, bad=bad)
    return None if value.data.dtype == np.bool_ else _rounded(value, places, bad)


def _rounded(value: Numbers, places: int, bad: Any) -> Numbers | None:
    """Python rounds the decimal value of a float; away from a tie, rounding the scaled one gives the same."""
    data, scale = value.data, 10.0**places
    with np.errstate(all="ignore"):
        scaled = data * scale
        made = np.rint(scaled) / scale
        sure = (np.abs(scaled - np.floor(scaled) - 0.5) > 1e-6) & (np.abs(scaled) < 1e9)
    doubtful = np.flatnonzero(~sure)
    if len(doubtful):
        with np.errstate(all="ignore"):
            made[doubtful] = [round(each, places) for each in data[doubtful].tolist()]
    return Numbers(made, bad=bad)


def absolute(frame: Frame, _site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    if args or kwargs or not isinstance(value, Numbers) or value.data.dtype == np.bool_:
        return None
    if value.data.dtype == np.int64 and len(value.data) and int(value.data.min()) == -(2**63):
        return None
    return Numbers(np.abs(value.data), bad=union(value.bad, absent_rows(value, frame.n)))


def integer(frame: Frame, _site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    if args or kwargs or not isinstance(value, Numbers) or absent_rows(value, frame.n) is not None:
        return None
    data: npt.NDArray[Any] = value.data
    if data.dtype == np.float64 and not (np.abs(data) < 2**53).all():
        return None
    return Numbers(data.astype(np.int64), bad=value.bad)


def real(frame: Frame, _site: Site, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value | None:
    if args or kwargs or not isinstance(value, Numbers) or absent_rows(value, frame.n) is not None:
        return None
    return Numbers(value.data.astype(np.float64), bad=value.bad)
