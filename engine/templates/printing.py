"""Texts of values: ``str`` and HTML escaping, exactly as Python and markupsafe do them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, Undefined
from markupsafe import escape

from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.truth import text_offsets
from engine.templates.values import Const, Numbers, Objects, Texts, Value, dense, flattened, union, validity

_REPLACED = (("&", "&amp;"), (">", "&gt;"), ("<", "&lt;"), ("'", "&#39;"), ('"', "&#34;"))


def text_bytes(array: pa.StringArray) -> npt.NDArray[np.uint8]:
    """The bytes of an array's strings, one after the other."""
    offsets = text_offsets(array)
    buffer = array.buffers()[2] if len(array) else None
    if buffer is None:
        return np.zeros(0, np.uint8)
    return np.frombuffer(buffer, np.uint8)[int(offsets[0]) : int(offsets[-1])]


def is_ascii(array: pa.StringArray) -> bool:
    return text_bytes(array).tobytes().isascii()


def escaped(array: pa.StringArray) -> pa.StringArray:
    """Every string HTML-escaped; only those that hold one of the five characters are touched."""
    taken = text_bytes(array)
    whole = taken.tobytes()
    needed = [pair for pair in _REPLACED if pair[0].encode() in whole]
    if not needed:
        return array
    offsets = text_offsets(array)
    hits = np.sort(np.concatenate([np.flatnonzero(taken == ord(plain)) for plain, _ in needed])) + int(offsets[0])
    rows = np.searchsorted(offsets, hits, side="right") - 1
    rows = rows[np.concatenate([[True], rows[1:] != rows[:-1]])]
    touched = array.take(pa.array(rows))
    for plain, entity in needed:
        touched = pc.replace_substring(touched, plain, entity)
    return replaced(array, rows, touched)


def replaced(array: pa.Array, rows: npt.NDArray[Any], values: pa.Array) -> pa.Array:
    """The array with other values in some rows, in ascending order."""
    if len(rows) == 0:
        return array
    mask = np.zeros(len(array), bool)
    mask[rows] = True
    return flattened(pc.replace_with_mask(array, pa.array(mask), values))


def escape_texts(frame: Frame, value: Texts) -> Texts:
    """The texts with their markup escaped, safe from here on; None stays None."""
    if value.safe:
        return value
    value = dense(value)
    array = frame.batch.derived(value.array, "escaped", lambda: escaped(value.array))
    return replace(value, array=array, safe=True)


def text_of(frame: Frame, value: Value, environment: Environment) -> Value:
    """``str`` of every row (``Markup`` stays ``Markup``), as ``Texts`` or a constant; what it cannot be is bad."""
    if isinstance(value, Const | Objects):
        return apply(frame, environment, _soft, value)
    if isinstance(value, Texts):
        made = value
    elif isinstance(value, Numbers):
        made = Texts(_numbers(value), undefined=value.undefined, bad=value.bad)
        if value.none is not None:
            made.array = replaced(made.array, np.flatnonzero(value.none), pa.array(["None"] * int(value.none.sum())))
    else:
        undefined, bare = value.undefined, replace(value, undefined=None)
        memo = "str"
        return _undefined(apply(frame, environment, str, bare, memo=memo), undefined, environment)
    return _undefined(_with_none(made), made.undefined, environment)


def _soft(value: Any) -> str:
    return value if hasattr(value, "__html__") and isinstance(value, str) else str(value)


def _with_none(value: Texts) -> Texts:
    """None spelled out."""
    if value.array.null_count == 0 or (value.undefined is None and validity(value) is None):
        return value
    return replace(value, array=pc.fill_null(value.array, "None"))


def _undefined(value: Value, undefined: Any, environment: Environment) -> Value:
    """Undefined rows as empty texts, or bad where the environment forbids that."""
    if undefined is None or not isinstance(value, Texts):
        return value
    if environment.undefined is not Undefined:
        return replace(value, undefined=None, bad=union(value.bad, undefined))
    return replace(blank(value, undefined), undefined=None)


def blank(value: Texts, rows: npt.NDArray[np.bool_], text: str = "") -> Texts:
    """The texts with one text in some rows."""
    array = pa.concat_arrays([value.array, pa.array([text], pa.string())])
    codes = np.arange(len(rows), dtype=np.int32) if value.codes is None else value.codes
    return replace(value, array=array, codes=np.where(rows, np.int32(len(array) - 1), codes).astype(np.int32))


def escape_value(frame: Frame, value: Value, environment: Environment) -> Value:
    """``escape`` of every row: safe texts."""
    if isinstance(value, Const | Objects):
        return apply(frame, environment, escape, value)
    text = text_of(frame, value, environment)
    if isinstance(text, Texts):
        return replace(text, safe=True) if isinstance(value, Numbers) else escape_texts(frame, text)
    return apply(frame, environment, escape, text)


def _numbers(value: Numbers) -> pa.StringArray:
    data = value.data
    if data.dtype == np.bool_:
        return pc.if_else(pa.array(data), "True", "False")
    if data.dtype == np.int64:
        return pc.cast(pa.array(data), pa.string())
    return float_texts(data)


def float_texts(data: npt.NDArray[np.float64]) -> pa.StringArray:
    """``repr`` of floats; Arrow's spelling is Python's in the common range but for the ``.0`` of whole numbers."""
    texts = pc.cast(pa.array(data), pa.string())
    with np.errstate(all="ignore"):
        size = np.abs(data)
        common = (size >= 1e-3) & (size < 1e9)
        whole = (common & (data == np.rint(data))) | ((data == 0) & ~np.signbit(data))
        common |= whole
    if whole.any():
        texts = pc.if_else(pa.array(whole), pc.binary_join_element_wise(texts, ".0", ""), texts)
    rest = np.flatnonzero(~common)
    return replaced(flattened(texts), rest, pa.array([repr(each) for each in data[rest].tolist()], pa.string()))


def fixed_texts(
    data: npt.NDArray[np.float64], places: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """``'%.<places>f'`` of floats as whole part and fraction (in units of 10 ** -places), and the rows where rounding is in doubt.

    A row is in doubt near a tie, where it is negative, large or not a number; Python formats those.
    """
    with np.errstate(all="ignore"):
        scaled = data * 10.0**places
        nearest = np.rint(scaled)
        sure = np.abs(scaled - nearest) < 0.5 - 1e-6
        if not (len(data) and data.min() > 0 and scaled.max() < 1e9):
            sure &= (data >= 0) & (scaled < 1e9) & ~np.signbit(data)
            nearest = np.where(sure, nearest, 0)
    units = nearest.astype(np.int64)
    whole = units // 10**places
    return whole, units - whole * 10**places, ~sure
