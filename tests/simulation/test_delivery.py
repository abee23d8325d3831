"""The real send loop, journal, recovery and SMTP client in worlds in which everything fails, one world a seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from simulated.invariants import check
from simulated.story import Story

SEEDS = 500
MANY = 10_000
GROUP = 25


def play(seeds: Iterable[int]) -> Counter[str]:
    """Play each seed's story; the one that fails is named."""
    ends: Counter[str] = Counter()
    for seed in seeds:
        story = Story(seed)
        try:
            story.play()
            check(story)
        except BaseException as fault:
            raise AssertionError(
                f"seed {seed}: {story.messages} messages, {story.policy}, {dict(story.ends)}"
            ) from fault
        ends += story.ends
        ends["arrived"] += len(story.network.arrivals)
        ends["doubts"] += story.standing.log.state.tolist().count(5)
    return ends


@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
def test_nobody_is_lost_and_every_doubt_is_listed(first: int) -> None:
    play(range(first, first + GROUP))


def test_the_worlds_are_as_bad_as_they_are_meant_to_be() -> None:
    ends = play(range(100))
    assert min(ends[end] for end in ("done", "killed", "stopped", "MR601", "MR602", "MR608", "MR609", "doubts")) > 0, (
        ends
    )


def test_a_seed_tells_the_same_story_each_time() -> None:
    stories = [Story(7), Story(7)]
    for story in stories:
        story.play()
    first, second = (
        (story.network.arrivals, story.ends, story.standing.log.at.tolist(), story.standing.log.state.tolist())
        for story in stories
    )
    assert first == second


@pytest.mark.soak
@pytest.mark.parametrize("first", range(SEEDS, MANY, 500))
def test_many_worlds(first: int) -> None:
    print(play(range(first, first + 500)))
