"""Which conditions may change with time alone."""

from __future__ import annotations

import pytest

from engine.conditions.clock import reads_clock


@pytest.mark.parametrize(
    "condition", ["a < now()", "a < NOW()", "b AND (a < current_timestamp)", "a = current_date", "a = today()"]
)
def test_a_condition_that_reads_the_clock(condition: str) -> None:
    assert reads_clock(condition)


@pytest.mark.parametrize("condition", ["a < TIMESTAMPTZ '2026-03-01 00:00:00+00'", "b = 'now()'", '"now" > 1'])
def test_a_condition_that_does_not(condition: str) -> None:
    assert not reads_clock(condition)
