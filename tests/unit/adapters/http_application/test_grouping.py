"""Many callers, one commit at a time; each is told what became of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from engine.adapters.http.grouping import GroupedIntake
from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.errors import TryAgainError


class Slow:
    """Takes nothing until it is let, and notes what came in one go."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.let = threading.Event()
        self.down = False

    def take(self, events: Sequence[FeedbackEvent]) -> int:
        self.let.wait(10)
        if self.down:
            raise TryAgainError.single("MR671", "not now")
        self.groups.append([each.id for each in events])
        return len(events)


def event(name: int) -> FeedbackEvent:
    return FeedbackEvent(str(name), Kind.OPEN, 0, "test")


async def callers(grouped: GroupedIntake, slow: Slow, number: int) -> list[BaseException | None]:
    tasks = [asyncio.create_task(grouped.take([event(each)])) for each in range(number)]
    await asyncio.sleep(0.05)
    slow.let.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_those_who_come_meanwhile_share_a_commit() -> None:
    slow = Slow()
    asyncio.run(callers(GroupedIntake(slow), slow, 50))
    assert sorted(each for group in slow.groups for each in group) == sorted(map(str, range(50)))
    assert len(slow.groups) <= 2


def test_a_fault_is_told_to_all_and_the_next_are_taken() -> None:
    slow = Slow()
    grouped = GroupedIntake(slow)

    async def both() -> list[BaseException | None]:
        slow.down = True
        told = await callers(grouped, slow, 5)
        slow.down = False
        await grouped.take([event(9)])
        return told

    assert all(isinstance(each, TryAgainError) for each in asyncio.run(both()))
    assert slow.groups == [["9"]]


def test_a_caller_who_goes_takes_nobody_along() -> None:
    slow = Slow()
    grouped = GroupedIntake(slow)

    async def one_goes() -> None:
        going, staying = asyncio.create_task(grouped.take([event(1)])), asyncio.create_task(grouped.take([event(2)]))
        await asyncio.sleep(0.05)
        going.cancel()
        slow.let.set()
        await staying
        with pytest.raises(asyncio.CancelledError):
            await going

    asyncio.run(one_goes())
    assert sorted(each for group in slow.groups for each in group) == ["1", "2"]
