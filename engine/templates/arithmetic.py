"""Arithmetic and comparison of numbers, exactly as Python does them; None is returned where only Python can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.templates.values import Const, Mask, Numbers, Value, union

Data = npt.NDArray[Any] | int | float
WIDE = 2**62
EXACT = 2**53
_NATIVE = (int, float, bool)


def operand(value: Value) -> Data | None:
    """The numbers of a value, or None when it holds something else."""
    if isinstance(value, Numbers):
        return value.data.astype(np.int64) if value.data.dtype == np.bool_ else value.data
    if isinstance(value, Const) and type(value.value) in _NATIVE and not value.failed:
        number = int(value.value) if isinstance(value.value, bool) else value.value
        return number if isinstance(number, float) or -WIDE < number < WIDE else None
    return None


def _size(data: Data) -> int:
    """The largest magnitude of integers."""
    if isinstance(data, np.ndarray):
        return max(abs(int(data.min())), abs(int(data.max()))) if len(data) else 0
    return abs(int(data))


def is_float(data: Data) -> bool:
    return data.dtype == np.float64 if isinstance(data, np.ndarray) else isinstance(data, float)


def _exact_as_floats(*operands: Data) -> bool:
    return all(is_float(data) or _size(data) <= EXACT for data in operands)


def _add(a: Data, b: Data) -> npt.NDArray[Any] | None:
    if is_float(a) or is_float(b):
        return np.add(a, b) if _exact_as_floats(a, b) else None
    return np.add(a, b) if _size(a) + _size(b) < WIDE else None


def _sub(a: Data, b: Data) -> npt.NDArray[Any] | None:
    if is_float(a) or is_float(b):
        return np.subtract(a, b) if _exact_as_floats(a, b) else None
    return np.subtract(a, b) if _size(a) + _size(b) < WIDE else None


def _mul(a: Data, b: Data) -> npt.NDArray[Any] | None:
    if is_float(a) or is_float(b):
        return np.multiply(a, b) if _exact_as_floats(a, b) else None
    return np.multiply(a, b) if _size(a) * _size(b) < WIDE else None


def _div(a: Data, b: Data) -> npt.NDArray[Any] | None:
    return np.true_divide(a, b) if _exact_as_floats(a, b) else None


def _mod(a: Data, b: Data) -> npt.NDArray[Any] | None:
    return None if is_float(a) or is_float(b) or _size(a) >= WIDE else np.mod(a, b)


def _floordiv(a: Data, b: Data) -> npt.NDArray[Any] | None:
    return None if is_float(a) or is_float(b) or _size(a) >= WIDE else np.floor_divide(a, b)


ARITHMETIC: Mapping[str, Callable[[Data, Data], npt.NDArray[Any] | None]] = {
    "+": _add,
    "-": _sub,
    "*": _mul,
    "/": _div,
    "%": _mod,
    "//": _floordiv,
}
COMPARISON: Mapping[str, Callable[[Data, Data], npt.NDArray[np.bool_]]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "lteq": np.less_equal,
    "gt": np.greater,
    "gteq": np.greater_equal,
}


def arithmetic(operator: str, left: Value, right: Value) -> Numbers | None:
    """The operation on two columns of numbers, or a column and a constant; None and undefined rows are bad."""
    kernel = ARITHMETIC.get(operator)
    a, b = operand(left), operand(right)
    if kernel is None or a is None or b is None or (isinstance(left, Const) and isinstance(right, Const)):
        return None
    with np.errstate(all="ignore"):
        made = kernel(a, b)
    if made is None:
        return None
    zero = np.asarray(b == 0) if operator in ("/", "%", "//") else None
    if zero is not None:
        zero = np.broadcast_to(zero, made.shape) if zero.any() else None
    return Numbers(made, bad=union(_refusing(left), _refusing(right), zero))


def _refusing(value: Value) -> Mask:
    return union(value.none, value.undefined, value.bad) if isinstance(value, Numbers) else None


def compare(operator: str, left: Value, right: Value) -> npt.NDArray[np.bool_] | None:
    """The comparison of the numbers themselves, whatever None and undefined rows hold."""
    kernel = COMPARISON.get(operator)
    a, b = operand(left), operand(right)
    if kernel is None or a is None or b is None or (isinstance(left, Const) and isinstance(right, Const)):
        return None
    if is_float(a) != is_float(b) and not _exact_as_floats(a, b):
        return None
    with np.errstate(all="ignore"):
        return kernel(a, b)


def negative(value: Value) -> Numbers | None:
    data = operand(value)
    if data is None or not isinstance(data, np.ndarray):
        return None
    if not is_float(data) and _size(data) >= WIDE:
        return None
    return Numbers(np.negative(data), bad=_refusing(value))
