from __future__ import annotations

import asyncio

import pytest

from engine.adapters.transports.providers.gatherer import Gatherer
from engine.delivery.message import Message


def message(index: int, octets: int = 10) -> Message:
    return Message(index, b"", "", "", b"x" * octets)


class Script:
    """Gives what it is told to: a message, None, an error, or a pause in seconds."""

    def __init__(self, *steps: object) -> None:
        self.steps = list(steps)

    async def next(self) -> Message | None:
        while self.steps and isinstance(self.steps[0], float):
            await asyncio.sleep(self.steps.pop(0))
        step = self.steps.pop(0) if self.steps else None
        if isinstance(step, Exception):
            raise step
        return step


def gathered(most: int, most_octets: int, *steps: object) -> list[list[int]]:
    async def run() -> list[list[int]]:
        gatherer, batches = Gatherer(Script(*steps), most, most_octets), []
        while batch := await gatherer.gather():
            batches.append([each.index for each in batch])
        assert await gatherer.gather() == []
        assert await gatherer.stop() == []
        return batches

    return asyncio.run(run())


def test_as_many_as_may_go_together() -> None:
    assert gathered(3, 1000, *map(message, range(7))) == [[0, 1, 2], [3, 4, 5], [6]]
    assert gathered(1, 1000, *map(message, range(2))) == [[0], [1]]
    assert gathered(9, 25, *map(message, range(5))) == [[0, 1], [2, 3], [4]]
    assert gathered(9, 5, *map(message, range(2))) == [[0], [1]]
    assert gathered(9, 5) == []


def test_nobody_waits_long_for_company() -> None:
    assert gathered(9, 1000, message(0), message(1), 0.2, message(2)) == [[0, 1], [2]]
    assert gathered(9, 1000, 0.1, message(0), message(1)) == [[0, 1]]


def test_a_fault_comes_after_what_was_there_before() -> None:
    async def run() -> None:
        gatherer = Gatherer(Script(message(0), LookupError("gone")), 9, 1000)
        assert [each.index for each in await gatherer.gather()] == [0]
        with pytest.raises(LookupError):
            await gatherer.gather()
        assert await gatherer.stop() == []

    asyncio.run(run())


@pytest.mark.parametrize("steps", [(message(0), 60.0), (message(0), message(1), message(2))])
def test_what_nobody_took_is_given_back(steps) -> None:
    async def run() -> None:
        script = Script(*steps)
        gatherer = Gatherer(script, 2, 1000)
        task = asyncio.create_task(gatherer.gather())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        [answer] = await asyncio.gather(task, return_exceptions=True)
        taken = [] if isinstance(answer, BaseException) else answer
        left = await gatherer.stop()
        given = [each.index for each in (*taken, *left)]
        assert sorted(given) == list(range(len(given)))
        assert len(given) + sum(isinstance(each, Message) for each in script.steps) == sum(
            isinstance(each, Message) for each in steps
        )

    asyncio.run(run())
