"""The send loop when relays, transports, ledgers and its own caller fail it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from delivery_scene import ACCEPTED, LOST, REJECTED, UNKNOWN, Run, Scene, once

from engine.delivery.dispatch import Surroundings
from engine.delivery.message import Message, Outcome
from engine.delivery.retry import Backoff
from engine.delivery.transport import Feed
from engine.delivery.worker import Delivered, deliver
from engine.errors import InternalError, MailrayError, RefusedError, ServiceError, TryAgainError
from engine.ledger.entries import Entry
from engine.ledger.memory import MemoryLedger, MemoryPartition
from engine.ledger.states import State


def test_a_relay_that_cannot_be_reached_ends_the_delivery_with_nothing_lost(run: Run) -> None:
    scene = Scene()
    tries: list[int] = []

    class Unreachable:
        async def session(self, feed: Feed) -> None:
            tries.append(1)
            raise LOST

    keys = [row.to_bytes(16, "big") for row in range(40)]
    around = Surroundings(wall=lambda: scene.now)
    with pytest.raises(ServiceError, match="lost"):
        run(deliver(scene.ledger.partition(0), keys, scene.materialise, Unreachable(), scene.settings, around))
    assert len(tries) == 4 * Backoff().attempts
    assert scene.ledger.counts().as_dict() == {"planned": 40}
    run(scene.deliver(scene.accept))
    assert scene.arrived == once(40)


def test_one_lane_that_the_relay_refuses_does_not_stop_the_others(run: Run) -> None:
    scene = Scene(size=2000)
    open_now = [0]

    class OneAtATime:
        async def session(self, feed: Feed) -> None:
            if open_now[0]:
                raise LOST
            open_now[0] += 1
            try:
                while (message := await feed.next()) is not None:
                    await scene.accept(feed, message)
            finally:
                open_now[0] -= 1

    keys = [row.to_bytes(16, "big") for row in range(2000)]
    around = Surroundings(wall=lambda: scene.now)
    run(deliver(scene.ledger.partition(0), keys, scene.materialise, OneAtATime(), scene.settings, around))
    assert scene.arrived == once(2000)


def test_connections_that_break_before_the_dot_lose_and_double_nothing(run: Run) -> None:
    scene = Scene()
    broken: set[int] = set()

    async def break_once(feed: Feed, message: Message) -> None:
        if message.index % 3 == 0 and message.index not in broken:
            broken.add(message.index)
            if message.index % 2:
                assert await feed.intent(message)
            feed.release(message)
            raise LOST
        await scene.accept(feed, message)

    run(scene.deliver(break_once))
    assert scene.arrived == once(40)
    assert scene.ledger.counts().as_dict() == {"accepted": 40}


def test_what_a_broken_connection_does_not_give_back_is_settled_for_it(run: Run) -> None:
    scene = Scene()
    broken: set[int] = set()

    async def vanish_once(feed: Feed, message: Message) -> None:
        if message.index in (8, 9) and message.index not in broken:
            broken.add(message.index)
            if message.index == 9:
                await feed.intent(message)
            raise LOST
        await scene.accept(feed, message)

    run(scene.deliver(vanish_once))
    assert scene.states()[8] is State.ACCEPTED
    assert scene.reasons() == {("accepted", "none"): 39, ("unknown", "no_reply"): 1}


def test_a_transport_that_sends_nothing_is_an_error_not_a_loop(run: Run) -> None:
    scene = Scene(size=3)

    class Idle:
        async def session(self, feed: Feed) -> None:
            return None

    keys = [row.to_bytes(16, "big") for row in range(3)]
    around = Surroundings(wall=lambda: scene.now)
    with pytest.raises(ServiceError) as raised:
        run(deliver(scene.ledger.partition(0), keys, scene.materialise, Idle(), scene.settings, around))
    assert raised.value.diagnostics[0].code == "MR652"
    assert scene.ledger.counts().as_dict() == {"planned": 3}


@pytest.mark.parametrize("outcome", [ACCEPTED, UNKNOWN])
def test_a_transport_that_skips_the_intent_is_stopped(run: Run, outcome: Outcome) -> None:
    scene = Scene(size=10)

    async def hasty(feed: Feed, message: Message) -> None:
        feed.outcome(message, outcome)

    with pytest.raises(InternalError, match="out of turn"):
        run(scene.deliver(hasty))
    assert scene.ledger.counts().as_dict() == {"planned": 10}


@pytest.mark.parametrize("again", ["outcome", "release"])
def test_a_message_is_given_back_only_once(run: Run, again: str) -> None:
    scene = Scene(size=2)

    async def twice(feed: Feed, message: Message) -> None:
        await scene.accept(feed, message)
        feed.release(message) if again == "release" else feed.outcome(message, REJECTED)

    with pytest.raises(InternalError, match="out of turn"):
        run(scene.deliver(twice))
    assert set(scene.states()) <= {State.ACCEPTED, State.PLANNED}


class Failing(MemoryPartition):
    """A ledger whose disk is full for intents from the ``after``-th append on."""

    def __init__(self, ledger: MemoryLedger, after: int, fault: MailrayError) -> None:
        super().__init__(ledger.partition(0)._store)
        self._after = after
        self._fault = fault

    def append(self, entries: Sequence[Entry], lease_until: int) -> None:
        self._after -= 1
        if self._after < 0 and any(entry.state == State.INTENT for entry in entries):
            raise self._fault
        super().append(entries, lease_until)


def test_without_a_ledger_nothing_goes_on_and_what_is_known_is_kept(run: Run) -> None:
    scene = Scene()
    full = Failing(scene.ledger, 4, TryAgainError.single("MR608", "the disk is full"))
    with pytest.raises(TryAgainError):
        run(scene.deliver(scene.accept, partition=full))
    assert 0 < len(scene.arrived) < 40
    assert {row for row, state in enumerate(scene.states()) if state is State.ACCEPTED} == set(scene.arrived)
    assert set(scene.states()) == {State.ACCEPTED, State.PLANNED, State.DEFERRED}
    run(scene.deliver(scene.accept))
    assert scene.arrived == once(40)


def test_a_worker_that_was_taken_over_sends_nothing_more(run: Run) -> None:
    scene = Scene()
    taken_over: list[int] = []

    async def take_over(feed: Feed, message: Message) -> None:
        if len(scene.arrived) == 10 and not taken_over:
            later = scene.now + 3_600_000_000
            taken_over.append(scene.ledger.partition(0).claim("another", later, later + 1))
        await scene.accept(feed, message)

    with pytest.raises(RefusedError) as raised:
        run(scene.deliver(take_over))
    assert raised.value.diagnostics[0].code == "MR602"
    arrived = set(scene.arrived)
    assert len(arrived) < 20
    scene.now += 2 * 3_600_000_000
    run(scene.deliver(scene.accept))
    assert scene.arrived == once(40)
    assert all(scene.states()[row] in (State.ACCEPTED, State.UNKNOWN) for row in arrived)


def test_a_partition_that_another_delivers_is_refused(run: Run) -> None:
    scene = Scene()
    scene.ledger.partition(0).claim("another", scene.now, scene.now + 1)
    with pytest.raises(RefusedError) as raised:
        run(scene.deliver(scene.accept))
    assert raised.value.diagnostics[0].code == "MR601"
    assert not scene.arrived


@pytest.mark.parametrize("moment", [1, 2, 4, 5, 17, 40])
@pytest.mark.parametrize("waiting", ["for the intent", "for the reply"])
def test_a_cancelled_delivery_leaves_doubts_only_where_there_are_some(run: Run, moment: int, waiting: str) -> None:
    scene = Scene()
    dots: set[int] = set()
    deliveries: list[asyncio.Future[Delivered]] = []
    begun: list[int] = []

    async def send(feed: Feed, message: Message) -> None:
        begun.append(message.index)
        if len(begun) == moment and waiting == "for the intent":
            deliveries[0].cancel()
        assert await feed.intent(message)
        dots.add(message.index)
        if len(begun) >= moment and waiting == "for the reply":
            deliveries[0].cancel()
        await asyncio.sleep(0.003)
        scene.arrived[message.index] += 1
        feed.outcome(message, ACCEPTED)

    async def scenario() -> None:
        deliveries.append(asyncio.ensure_future(scene.deliver(send)))
        with pytest.raises(asyncio.CancelledError):
            await deliveries[0]

    run(scenario())
    doubtful = dots - set(scene.arrived)
    assert doubtful or waiting == "for the intent"
    assert {row for row, state in enumerate(scene.states()) if state is State.UNKNOWN} == doubtful
    assert {row for row, state in enumerate(scene.states()) if state is State.ACCEPTED} == set(scene.arrived)
    run(scene.deliver(scene.accept))
    assert scene.arrived + Counter(doubtful) == once(40)


def test_no_more_than_two_blocks_are_made_ahead(run: Run) -> None:
    scene = Scene(size=80)
    most = [0]

    async def count(feed: Feed, message: Message) -> None:
        made = sum(map(len, scene.made))
        most[0] = max(most[0], made - len(scene.arrived))
        await scene.accept(feed, message)

    run(scene.deliver(count))
    assert most[0] <= 2 * 8 + 4
    assert [list(rows) for rows in scene.made] == [list(range(start, start + 8)) for start in range(0, 80, 8)]


def test_a_long_wait_for_a_reply_keeps_the_lease(run: Run) -> None:
    scene = Scene(size=1)
    scene.settings = replace(scene.settings, reply_timeout=600)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        start, wall = loop.time(), scene.now

        async def slow(feed: Feed, message: Message) -> None:
            assert await feed.intent(message)
            for _ in range(100):
                await asyncio.sleep(20)
                scene.now = wall + int((loop.time() - start) * 1e6)
            with pytest.raises(RefusedError):
                scene.ledger.partition(0).claim("another", scene.now, scene.now + 1)
            feed.outcome(message, ACCEPTED)

        await scene.deliver(slow)

    run(scenario())
    assert scene.states() == [State.ACCEPTED]
