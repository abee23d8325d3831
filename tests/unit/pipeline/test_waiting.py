"""A run waits for the messages that are due later, in the time of a clock that only the waiting moves."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Any

import pytest
from delivery_scene import DEFERRED, MINUTE, Scene

from engine.delivery.message import Message
from engine.delivery.transport import Feed
from engine.ledger.states import Reason, State
from engine.monitoring import Stages
from engine.pipeline.agenda import LEAST_REST, Agenda
from engine.pipeline.inline import InlineRunner
from engine.pipeline.run import CampaignRun
from engine.pipeline.work import (
    DeliveryProgress,
    DeliveryRest,
    DeliveryWork,
    PartitionDelivery,
    PartitionPlan,
    ProgressCallback,
)
from engine.pipeline.worker import outcome_counts

NOTHING: Any = None


class Watching:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.rests: list[tuple[int, int]] = []

    def phase(self, name: str, total: int) -> None: ...

    def done(self, rows: int, counts: Mapping[str, int]) -> None: ...

    def resting(self, counts: Mapping[str, int], until: int) -> None:
        self.rests.append((counts["deferred"], until))


class Greylisting:
    """A worker whose server defers each message so many times; ``number`` partitions are one scene."""

    def __init__(self, scene: Scene, times: float) -> None:
        self._scene = scene
        self._times = times
        self._tries: Counter[int] = Counter()

    def plan(self, partition: Any) -> Any: ...

    def stop(self) -> None: ...

    def deliver(self, work: DeliveryWork, progress: ProgressCallback) -> PartitionDelivery:
        delivered = asyncio.run(self._delivering())
        return PartitionDelivery(work.number, outcome_counts(delivered.counts), {}, delivered.next_due)

    async def _delivering(self) -> Any:
        return await self._scene.deliver(self._send)

    async def _send(self, feed: Feed, message: Message) -> None:
        self._tries[message.index] += 1
        if self._tries[message.index] > self._times:
            await self._scene.accept(feed, message)
        else:
            await self._scene.answer(feed, message, DEFERRED)


def deliver(scene: Scene, times: float, rest: Callable[[int], bool]) -> Watching:
    observer = Watching()
    run = CampaignRun(NOTHING, NOTHING, NOTHING, NOTHING, Stages(lambda: 0.0), observer, lambda: None, lambda _: False)
    runner = InlineRunner(Greylisting(scene, times), lambda: scene.now)
    run.deliver(runner, [PartitionPlan(0, {"messages": scene.size}, (), {})], None, rest)
    return observer


@pytest.fixture
def scene() -> Scene:
    return Scene(size=12)


def leap(scene: Scene) -> Callable[[int], bool]:
    def rest(until: int) -> bool:
        assert until > scene.now
        scene.now = until
        return True

    return rest


def test_what_is_deferred_is_sent_when_it_is_due(scene: Scene) -> None:
    start = scene.now
    observer = deliver(scene, 2, leap(scene))
    assert scene.ledger.counts().as_dict() == {"accepted": 12}
    assert 15 * MINUTE < scene.now - start < 25 * MINUTE  # 5 and 15 minutes, each up to a fifth more or less
    deferred, until = observer.rests[0]
    assert (deferred, 4 * MINUTE <= until - start <= 6 * MINUTE) == (12, True)


def test_a_run_that_does_not_wait_ends_with_what_is_deferred(scene: Scene) -> None:
    asked: list[int] = []
    deliver(scene, 1, lambda until: bool(asked.append(until)))
    assert (scene.ledger.counts().as_dict(), len(asked)) == ({"deferred": 12}, 1)


def test_what_is_deferred_for_ever_expires(scene: Scene) -> None:
    start = scene.now
    deliver(scene, float("inf"), leap(scene))
    assert set(scene.states()) == {State.SKIPPED}
    assert scene.ledger.counts().skipped[Reason.EXPIRED] == 12
    assert scene.now - start < 72 * 60 * MINUTE


class Slow:
    """A worker that delivers until it is stopped."""

    def __init__(self) -> None:
        self.begun, self._stopped, self.ended = Event(), Event(), False

    def plan(self, partition: Any) -> Any: ...

    def stop(self) -> None:
        self._stopped.set()

    def deliver(self, work: DeliveryWork, progress: ProgressCallback) -> PartitionDelivery:
        progress(NOTHING_YET)
        self.begun.set()
        assert self._stopped.wait(60)
        self.ended = True
        return PartitionDelivery(work.number, {}, {})


NOTHING_YET = DeliveryProgress(0, {})


def test_who_is_interrupted_waits_for_what_is_on_the_wire() -> None:
    worker = Slow()
    events: Iterator[Any] = InlineRunner(worker, lambda: 0).deliver([DeliveryWork(0, 1)])
    next(events)
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert worker.ended


def test_what_comes_again_goes_first_when_it_is_due_and_never_at_once() -> None:
    one, two, three = (DeliveryWork(number, 1) for number in range(3))
    agenda = Agenda([one, two, three])
    assert agenda.take(0) is one
    agenda.again(one, 0, 0)
    assert (agenda.take(0), agenda.next_due) == (two, None)
    assert agenda.take(LEAST_REST) is one
    agenda.again(two, 5 * MINUTE, 0)
    assert [agenda.take(0), agenda.take(0), agenda.next_due, len(agenda)] == [three, None, 5 * MINUTE, 1]


def test_a_rest_is_told_until_it_is_over() -> None:
    clock = [0]

    class Once:
        def plan(self, partition: Any) -> Any: ...

        def stop(self) -> None: ...

        def deliver(self, work: DeliveryWork, progress: ProgressCallback) -> PartitionDelivery:
            return PartitionDelivery(work.number, {}, {}, None if clock[0] else 3 * MINUTE)

    events = InlineRunner(Once(), lambda: clock[0]).deliver([DeliveryWork(0, 1)])
    assert isinstance(next(events), PartitionDelivery)
    assert [next(events), next(events)] == [DeliveryRest(3 * MINUTE)] * 2
    clock[0] = 3 * MINUTE
    assert [type(event) for event in events] == [PartitionDelivery]
