"""How far all is done: never past what is not, whatever is told in whatever order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.queueing.watermark import Watermark

Pages = list[list[int]]
pages = st.lists(st.sets(st.integers(1, 9), max_size=5).map(sorted), max_size=6)


def keys(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@given(pages, st.lists(st.lists(st.integers(0, 70), max_size=6)))
def test_the_mark_is_behind_all_that_is_open_and_before_all_that_is_done(coming: Pages, done: list[list[int]]) -> None:
    mark, known, told = Watermark(0), set[int](), set[int]()
    for number, page in enumerate(coming):
        mark.add(keys(*(10 * number + key for key in page)), 10 * number + 9)
        known |= {10 * number + key for key in page}
        for each in done[number : number + 1]:
            mark.done(keys(*each))
            told |= known & set(each)
        rest = known - told
        assert mark.open == len(rest)
        assert not rest or mark.value < min(rest)
        assert rest or mark.value == 10 * number + 9
    mark.done(keys(*known))
    assert (mark.value, mark.open) == (max(0, 10 * len(coming) - 1), 0)


def test_what_never_came_and_what_is_told_twice_changes_nothing() -> None:
    mark = Watermark(10)
    mark.add(keys(12, 15), 20)
    mark.done(keys(12, 12, 13, 99, 1))
    mark.done(keys(12))
    assert (mark.value, mark.open) == (10, 1)
    mark.add(keys(), 30)
    mark.done(keys(15))
    assert (mark.value, mark.open) == (30, 0)


def test_a_mark_never_falls() -> None:
    mark = Watermark(50)
    mark.add(keys(), 20)
    assert mark.value == 50
