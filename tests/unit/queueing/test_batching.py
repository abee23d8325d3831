"""The size of batches follows what batches cost, and items."""

from __future__ import annotations

import random

import pytest

from engine.queueing.batching import BatchSize


def settled(target: float, fixed: float, each: float, full: float = 1.0) -> BatchSize:
    draw = random.Random(7)
    size = BatchSize(target)
    for _ in range(300):
        items = max(1, round(size.size * draw.uniform(0.6, full)))
        size.learn(items, (fixed + each * items) * draw.uniform(0.8, 1.25))
    return size


@pytest.mark.parametrize(("fixed", "each"), [(0.001, 0.0001), (0.01, 0.001), (0.0, 0.0005)])
def test_a_batch_takes_about_the_target_when_items_are_what_costs(fixed: float, each: float) -> None:
    size = settled(0.1, fixed, each).size
    assert 0.4 < (fixed + each * size) / 0.1 < 2.5


@pytest.mark.parametrize(("fixed", "each"), [(0.2, 0.0002), (0.08, 0.001), (1.0, 0.002)])
def test_where_a_batch_costs_much_by_itself_it_is_large_whatever_the_target(fixed: float, each: float) -> None:
    size = settled(0.05, fixed, each).size
    assert each * size > fixed


def test_batches_that_are_never_full_do_not_grow_without_end() -> None:
    size = BatchSize(0.1)
    for _ in range(200):
        size.learn(1, 0.3)
    assert size.least <= size.size <= size.most


def test_it_stays_within_its_bounds_and_nothing_is_learnt_from_nothing() -> None:
    slow, quick = BatchSize(0.1), BatchSize(0.1)
    for _ in range(50):
        slow.learn(slow.size, 0.01 * slow.size)
        quick.learn(quick.size, 1e-7 * quick.size)
    assert slow.size == slow.least
    assert quick.size == quick.most
    before = quick.size
    quick.learn(0, 9.0)
    assert quick.size == before
