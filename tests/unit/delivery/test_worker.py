"""The send loop against a ledger in memory and transports that do what a test tells them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from delivery_scene import ACCEPTED, DEFERRED, MINUTE, REJECTED, UNKNOWN, Closed, Run, Scene, once

from engine.campaign.schema import UnknownPolicy
from engine.delivery.message import Message
from engine.delivery.pacing import TokenBucket
from engine.delivery.supply import Block
from engine.delivery.transport import Feed
from engine.delivery.worker import Delivered
from engine.errors import InputError
from engine.ledger.counts import Counts
from engine.ledger.states import State


def test_everything_is_sent_once_and_written_down(run: Run) -> None:
    scene = Scene()
    told: list[Counts] = []
    delivered = run(scene.deliver(scene.accept, progress=told.append))
    assert scene.arrived == once(40)
    assert delivered == Delivered(delivered.counts, None, 0, stopped=False)
    assert delivered.counts.as_dict() == {"accepted": 40}
    assert scene.ledger.counts() == delivered.counts == told[-1]
    run(scene.deliver(scene.accept))
    assert scene.arrived == once(40)


def test_an_empty_partition_opens_no_connection(run: Run) -> None:
    scene = Scene(size=0)

    async def never(feed: Feed, message: Message) -> None:
        raise AssertionError

    assert run(scene.deliver(never)).counts.planned == 0


def test_a_deferred_message_waits_until_it_is_due(run: Run) -> None:
    scene = Scene()

    async def greylist(feed: Feed, message: Message) -> None:
        first = scene.now < 1_000_000_000_000 + 2 * MINUTE
        await scene.answer(feed, message, DEFERRED if first and message.index == 7 else ACCEPTED)

    delivered = run(scene.deliver(greylist))
    assert delivered.counts.as_dict() == {"accepted": 39, "deferred": 1}
    assert scene.now + 4 * MINUTE <= delivered.next_due <= scene.now + 6 * MINUTE
    scene.now += 3 * MINUTE
    assert run(scene.deliver(greylist)).next_due == delivered.next_due
    assert scene.arrived[7] == 0
    scene.now = delivered.next_due
    assert run(scene.deliver(greylist)).counts.as_dict() == {"accepted": 40}
    assert scene.arrived == once(40)


def test_a_refusal_before_the_intent_is_final_or_due_again(run: Run) -> None:
    scene = Scene(size=4)

    async def refuse(feed: Feed, message: Message) -> None:
        feed.outcome(message, REJECTED if message.index % 2 else DEFERRED)

    run(scene.deliver(refuse))
    assert scene.states() == [State.DEFERRED, State.REJECTED] * 2
    scene.now += 10 * MINUTE
    run(scene.deliver(refuse))
    assert scene.ledger.partition(0).replay().attempt.tolist() == [2, 1, 2, 1]


def test_retries_end_when_the_message_expires(run: Run) -> None:
    scene = Scene(size=3)
    scene.settings = replace(scene.settings, expires="10 minutes")

    async def defer(feed: Feed, message: Message) -> None:
        await scene.answer(feed, message, DEFERRED)

    due = run(scene.deliver(defer)).next_due
    scene.now = due + MINUTE
    run(scene.deliver(defer))
    scene.now += 20 * MINUTE
    run(scene.deliver(defer))
    assert scene.reasons() == {("skipped", "expired"): 3}


@pytest.mark.parametrize(
    ("policy", "state", "times"), [(UnknownPolicy.SKIP, State.UNKNOWN, 1), (UnknownPolicy.RESEND, State.ACCEPTED, 2)]
)
def test_a_doubt_is_treated_as_the_campaign_says(run: Run, policy: UnknownPolicy, state: State, times: int) -> None:
    scene = Scene()
    scene.settings = replace(scene.settings, on_unknown=policy)

    async def drop_the_first_reply(feed: Feed, message: Message) -> None:
        doubtful = message.index == 5 and not scene.arrived[5]
        await scene.answer(feed, message, UNKNOWN if doubtful else ACCEPTED)

    run(scene.deliver(drop_the_first_reply))
    run(scene.deliver(drop_the_first_reply))
    assert scene.states()[5] is state
    assert scene.arrived == once(40) + Counter({5: times - 1})


def test_a_relay_that_never_answers_is_not_sent_copies_for_ever(run: Run) -> None:
    scene = Scene(size=2)
    scene.settings = replace(scene.settings, on_unknown=UnknownPolicy.RESEND)

    async def doubt(feed: Feed, message: Message) -> None:
        await scene.answer(feed, message, UNKNOWN)

    for _ in range(3):
        run(scene.deliver(doubt))
    assert scene.arrived == {0: 3, 1: 3}
    assert scene.states() == [State.UNKNOWN] * 2


def test_nobody_suppressed_is_sent_to_however_late_it_is_known(run: Run) -> None:
    scene = Scene()
    suppressed = {3}

    async def complain_meanwhile(feed: Feed, message: Message) -> None:
        if message.index % 2 == 0:
            suppressed.add(message.index)
        await scene.accept(feed, message)

    run(scene.deliver(complain_meanwhile, gate=Closed(suppressed)))
    assert set(scene.arrived) == {row for row in range(40) if row % 2 and row != 3}
    assert scene.reasons() == {("skipped", "suppressed"): 21, ("accepted", "none"): 19}


def test_a_row_that_makes_no_message_is_skipped_with_the_reason(run: Run) -> None:
    scene = Scene(faults={4: "the template fails on this row", 39: "no address"})
    run(scene.deliver(scene.accept))
    assert set(scene.arrived) == set(range(40)) - {4, 39}
    assert scene.reasons()["skipped", "invalid"] == 2
    assert "the template fails on this row" in scene.ledger.partition(0).replay().log.detail.to_pylist()


def test_what_materialising_raises_ends_the_delivery(run: Run) -> None:
    scene = Scene()
    make = scene.block

    def fail(rows: Sequence[int]) -> Block:
        if 16 in rows:
            raise InputError.single("MR400", "the outbox is damaged")
        return make(rows)

    scene.block = fail  # type: ignore[method-assign]
    with pytest.raises(InputError):
        run(scene.deliver(scene.accept))
    assert scene.arrived == once(16)
    assert scene.ledger.counts().as_dict() == {"planned": 24, "accepted": 16}


def test_a_stop_is_kept_and_gone_on_from(run: Run) -> None:
    scene = Scene()
    delivered = run(scene.deliver(scene.accept, stopped=lambda: len(scene.arrived) >= 10))
    assert delivered.stopped
    assert 10 <= len(scene.arrived) < 20
    assert delivered.counts[State.PLANNED] == 40 - len(scene.arrived)
    run(scene.deliver(scene.accept))
    assert scene.arrived == once(40)


def test_a_stop_is_noticed_while_waiting_for_a_turn(run: Run) -> None:
    scene = Scene()

    async def scenario() -> tuple[Delivered, float]:
        loop = asyncio.get_running_loop()
        start = loop.time()
        pace = TokenBucket(rate=0.001, burst=1, now=start)
        delivered = await scene.deliver(scene.accept, pace=pace, stopped=lambda: loop.time() > start + 5)
        return delivered, loop.time() - start

    delivered, took = run(scenario())
    assert delivered.stopped
    assert took < 8
    assert scene.ledger.counts().as_dict() == {"planned": 39, "accepted": 1}


def test_long_after_a_stop_no_slow_server_gets_a_message_to_its_end(run: Run) -> None:
    scene = Scene(size=4)

    async def scenario() -> Delivered:
        loop = asyncio.get_running_loop()
        start = loop.time()

        async def slow(feed: Feed, message: Message) -> None:
            await asyncio.sleep(1 + 10 * message.index)
            await scene.accept(feed, message)

        return await scene.deliver(slow, stopped=lambda: loop.time() > start + 5)

    assert run(scenario()).stopped
    assert scene.arrived == {0: 1}
    assert scene.ledger.counts().as_dict() == {"planned": 3, "accepted": 1}


def test_the_pace_is_kept(run: Run) -> None:
    scene = Scene()

    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await scene.deliver(scene.accept, pace=TokenBucket(rate=2, burst=1, now=start))
        return loop.time() - start

    assert run(scenario()) >= 39 / 2
    assert scene.arrived == once(40)
