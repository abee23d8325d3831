"""Waits as Prometheus has them: by bounds that are the levels' own, each of which counts below itself."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest

from engine.pipeline.automation.dispatch_figures import BOUNDS, Waits
from engine.queueing.levels import LEVELS


@pytest.mark.parametrize("level", LEVELS.values())
def test_who_waits_as_long_as_the_level_says_is_within_its_bound(level: object) -> None:
    wait = level.wait  # type: ignore[attr-defined]
    waits = Waits()
    waits.add(np.array([wait - 1, wait]), wait)
    waits.add(np.array([wait + 1]), wait)
    within = [*accumulate(waits.classes.tolist())][BOUNDS.index(wait / 1e6)]
    assert (within, waits.missed, waits.count, waits.total) == (2, 1, 3, 3 * wait)


def test_a_clock_that_went_back_and_waits_without_end() -> None:
    waits = Waits()
    waits.add(np.array([-5_000_000, 1 << 50]), 1)
    assert (waits.classes[0], waits.classes[-1], waits.total) == (1, 1, 1 << 50)
