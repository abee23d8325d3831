"""Many callers, one commit at a time; each is told what became of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from engine.adapters.web.grouping import GroupCommit
from engine.errors import TryAgainError

Commit = GroupCommit[int, str]


class Slow:
    """Writes nothing until it is let, and notes what came in one go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.let = threading.Event()
        self.down = False

    def write(self, items: Sequence[int]) -> list[str]:
        self.let.wait(10)
        if self.down:
            raise TryAgainError.single("MR671", "not now")
        self.groups.append([*items])
        return [f"kept {each}" for each in items]

    def commit(self, most: int = 1_000) -> Commit:
        return GroupCommit(self.write, lambda _: 1, most)


async def callers(commit: Commit, slow: Slow, number: int) -> list[str | BaseException]:
    """Ask all at once; the disk is slow until all have asked."""
    tasks = [asyncio.create_task(commit.take(each)) for each in range(number)]
    await asyncio.sleep(0)  # each of them has begun
    slow.let.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_those_who_come_meanwhile_share_a_commit() -> None:
    slow = Slow()
    told = asyncio.run(callers(slow.commit(), slow, 50))
    assert told == [f"kept {each}" for each in range(50)]
    assert [each for group in slow.groups for each in group] == [*range(50)]
    assert len(slow.groups) <= 2


@pytest.mark.parametrize(("most", "largest"), [(7, 7), (1, 1), (0, 1)])
def test_a_commit_is_no_larger_than_it_may_be(most: int, largest: int) -> None:
    slow = Slow()
    told = asyncio.run(callers(slow.commit(most), slow, 20))
    assert told == [f"kept {each}" for each in range(20)]
    assert max(map(len, slow.groups)) == largest


def test_a_fault_is_told_to_all_and_the_next_are_taken() -> None:
    slow = Slow()
    commit = slow.commit()

    async def both() -> list[str | BaseException]:
        slow.down = True
        told = await callers(commit, slow, 5)
        slow.down = False
        await commit.take(9)
        return told

    assert all(isinstance(each, TryAgainError) for each in asyncio.run(both()))
    assert slow.groups == [[9]]


def test_a_caller_who_goes_takes_nobody_along() -> None:
    slow = Slow()
    commit = slow.commit()

    async def one_goes() -> None:
        going, staying = asyncio.create_task(commit.take(1)), asyncio.create_task(commit.take(2))
        await asyncio.sleep(0)
        going.cancel()
        slow.let.set()
        assert await staying == "kept 2"
        with pytest.raises(asyncio.CancelledError):
            await going

    asyncio.run(one_goes())
    assert sorted(each for group in slow.groups for each in group) in ([1, 2], [2])
