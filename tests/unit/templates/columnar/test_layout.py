"""Every piece goes where row-wise concatenation puts it."""

from __future__ import annotations

import itertools

import numpy as np

from engine.templates.layout import Branches, Items, Layout, written


def rows(layout: Layout) -> list[list[int]]:
    ids, offsets = written(layout)
    return [ids[start:end].tolist() for start, end in itertools.pairwise(offsets)]


def ids(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_statics_and_holes_alternate_in_every_row() -> None:
    assert rows(Layout(3, [7, ids(1, 2, 3), 8])) == [[7, 1, 8], [7, 2, 8], [7, 3, 8]]


def test_branches_are_ragged() -> None:
    arms = [(ids(0, 2), Layout(2, [5, ids(10, 12)])), (ids(3), Layout(1, [6]))]
    assert rows(Layout(4, [1, Branches.of(4, arms), 2])) == [[1, 5, 10, 2], [1, 2], [1, 5, 12, 2], [1, 6, 2]]


def test_items_follow_their_row() -> None:
    items = Items.of(np.array([2, 0, 1]), Layout(3, [9, ids(20, 21, 22)]))
    assert rows(Layout(3, [items, 1])) == [[9, 20, 9, 21, 1], [1], [9, 22, 1]]


def test_ragged_items_inside_items() -> None:
    inner = Branches.of(3, [(ids(1), Layout(1, [4, 4]))])
    items = Items.of(np.array([0, 2, 1, 0]), Layout(3, [3, inner]))
    assert rows(Layout(4, [items, ids(30, 31, 32, 33)])) == [[30], [3, 3, 4, 4, 31], [3, 32], [33]]


def test_an_empty_frame_has_no_pieces() -> None:
    assert rows(Layout(0, [1, ids()])) == []
