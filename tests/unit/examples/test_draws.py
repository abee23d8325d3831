from __future__ import annotations

import numpy as np
import pytest

from examples.customers.draws import Draws

ROWS = np.arange(100_000, dtype=np.uint64)


def test_the_numbers_are_splitmix64s() -> None:
    """The stored audience rests on these bits. Reference: SplitMix64 seeded with 0 gives e220a8397b1dcdaf first."""
    draws = Draws(0)
    first_step = np.array([1], dtype=np.uint64) - draws._offset("x")
    assert draws.uniform("x", first_step)[0] == (0xE220A8397B1DCDAF >> 11) * 2.0**-53


def test_a_draw_depends_on_its_row_alone() -> None:
    whole = Draws(7).uniform("x", ROWS)
    shuffled = np.random.default_rng(1).permutation(len(ROWS))
    assert (Draws(7).uniform("x", ROWS[shuffled]) == whole[shuffled]).all()


@pytest.mark.parametrize(("seed", "stream"), [(8, "x"), (7, "y")])
def test_seeds_and_streams_are_independent(seed: int, stream: str) -> None:
    one, other = Draws(7).uniform("x", ROWS), Draws(seed).uniform(stream, ROWS)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02


def test_draws_are_spread_evenly() -> None:
    counts = np.bincount(Draws(7).below("x", ROWS, 10), minlength=10)
    assert len(counts) == 10
    assert abs(counts - 10_000).max() < 500


def test_weights_are_kept() -> None:
    counts = np.bincount(Draws(7).weighted("x", ROWS, (6, 0, 3, 1)), minlength=4)
    assert counts[1] == 0
    assert abs(counts - np.array([60_000, 0, 30_000, 10_000])).max() < 800
