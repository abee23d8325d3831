"""Ratios that a shared machine can be asked for: every subject in every round, and the median of the rounds' ratios."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROWS_ALONE = 2_000
ROWS_TOGETHER = 16_384
BATCHES = 4  # a pass of ours is so many batches one after the other, as a worker renders them
PASSES = 4  # of other rows each


@dataclass(frozen=True, slots=True)
class Subject:
    """One way to make messages. ``run`` makes all ``messages`` once; ``first(n)`` gives the first n to be compared."""

    name: str
    messages: int
    run: Callable[[], object]
    first: Callable[[int], Sequence[object]] | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians over the rounds: CPU microseconds a message, and how many times less than the first subject took."""

    name: str
    microseconds: float
    ratio: float
    lowest_ratio: float
    highest_ratio: float


def _microseconds(subject: Subject) -> float:
    gc.collect()
    start = time.process_time()
    subject.run()
    return (time.process_time() - start) * 1e6 / subject.messages


def interleaved(subjects: Sequence[Subject], rounds: int) -> list[Figure]:
    """Warm every subject up, then measure them in turn, ``rounds`` times; the first subject is what the others are compared with."""
    for subject in subjects:
        subject.run()
    passes = [[_microseconds(subject) for subject in subjects] for _ in range(rounds)]
    figures = []
    for place, subject in enumerate(subjects):
        ratios = [each[0] / each[place] for each in passes]
        took = statistics.median(each[place] for each in passes)
        figures.append(Figure(subject.name, took, statistics.median(ratios), min(ratios), max(ratios)))
    return figures


def refuse_differences(subjects: Sequence[Subject], messages: int = 200) -> None:
    """A figure counts only for the same bytes: every subject that can show its messages must show the first one's."""
    reference = subjects[0].first
    assert reference is not None
    wanted = list(reference(messages))
    for subject in subjects[1:]:
        if subject.first is not None and list(subject.first(messages)) != wanted:
            raise AssertionError(f"{subject.name} does not give what {subjects[0].name} gives")
