"""Numbers are computed and printed exactly as Python does."""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine.templates.arithmetic import arithmetic, compare
from engine.templates.printing import fixed_texts, float_texts
from engine.templates.values import Const, Numbers

EDGES = [
    0.0,
    -0.0,
    0.5,
    1.5,
    2.675,
    1.005,
    0.125,
    1e-7,
    1e22,
    1e15,
    1e16,
    999999999.995,
    -0.001,
    1e-5,
    123456.789,
    math.inf,
    -math.inf,
    math.nan,
]
INTEGERS = [0, 1, -1, 2, 7, -7, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, 2**62, -(2**62), 2**63 - 1, -(2**63)]


def floats() -> list[float]:
    source = random.Random(7)
    return (
        EDGES
        + [source.uniform(-1e6, 1e6) for _ in range(500)]
        + [round(source.uniform(0, 1000), 3) for _ in range(2000)]
    )


def test_floats_print_as_repr() -> None:
    data = floats()
    assert float_texts(np.array(data)).to_pylist() == [repr(each) for each in data]


@pytest.mark.parametrize("places", [0, 1, 2, 3])
def test_fixed_places_agree_wherever_they_are_sure(places: int) -> None:
    data = floats()
    whole, fraction, doubtful = fixed_texts(np.array(data), places)
    for index, each in enumerate(data):
        if not doubtful[index]:
            made = f"{whole[index]}.{fraction[index]:0{places}d}" if places else f"{whole[index]}"
            assert made == f"{each:.{places}f}"
    assert not doubtful.all()


@pytest.mark.parametrize(
    ("symbol", "function"),
    [
        ("+", operator.add),
        ("-", operator.sub),
        ("*", operator.mul),
        ("/", operator.truediv),
        ("%", operator.mod),
        ("//", operator.floordiv),
    ],
)
def test_integers_at_the_edges(symbol: str, function: Callable[[Any, Any], Any]) -> None:
    for right in INTEGERS:
        for left in INTEGERS:
            made = arithmetic(symbol, Numbers(np.array([left])), Numbers(np.array([right])))
            if made is None:
                continue
            if right == 0 and symbol in ("/", "%", "//"):
                assert made.bad is not None
                assert made.bad.all()
            else:
                assert made.data.tolist() == [function(left, right)]


def test_integers_and_floats_compare_exactly() -> None:
    for left in INTEGERS:
        for right in (float(2**53), 0.5, -1.0, math.inf):
            made = compare("eq", Numbers(np.array([left])), Const(right))
            assert made is None or made.tolist() == [left == right]


def test_none_does_not_compare() -> None:
    value = Numbers(np.array([1, 0]), none=np.array([False, True]))
    made = arithmetic("+", value, Const(1))
    assert made is not None
    assert made.bad is not None
    assert made.bad.tolist() == [False, True]


def test_amounts_in_a_template(same: Callable[..., Any]) -> None:
    batch = pa.RecordBatch.from_pydict({"x": pa.array([*floats(), None], pa.float64())})
    same("{{ '%.2f'|format(x) }}", batch)
    same("${{ '%.2f' % x }}!", batch)
    same("{{ x|round(2) }} {{ x|round }} {{ x * 3 }} {{ x / 7 }}", batch)
