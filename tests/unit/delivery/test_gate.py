"""The gate around a delivery: what is held, what is asked again, and when nothing goes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.delivery.dispatch import Surroundings
from engine.delivery.gate import FRESH_SECONDS, Hold
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.pacing import TokenBucket
from engine.delivery.supply import Block
from engine.delivery.transport import Feed
from engine.delivery.worker import Delivered, Settings, deliver
from engine.errors import ServiceError, TryAgainError
from engine.ledger.memory import MemoryLedger
from engine.ledger.replay import Standing
from engine.ledger.states import Reason, State

Run = Callable[[Coroutine[Any, Any, Any]], Any]
START = 1_000_000_000_000
MINUTE = 60_000_000
SIZE = 20
ACCEPTED = Outcome(OutcomeClass.ACCEPTED, 250)
DEFERRED = Outcome(OutcomeClass.DEFERRED, 451)
GONE = TryAgainError.single("MR671", "the store is gone")


@dataclass
class Scripted:
    """A gate that holds and refuses what a test says, and notes what it is told."""

    held: dict[int, Hold] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    places: set[int] = field(default_factory=set)
    settled: dict[int, int | None] = field(default_factory=dict)
    asked: Counter[int] = field(default_factory=Counter)
    fault: TryAgainError | None = None
    recovered: list[int] = field(default_factory=list)
    closed: bool = False

    def recover(self, standing: Standing) -> None:
        self.recovered.append(len(standing))

    def refresh(self) -> None:
        if self.fault is not None:
            raise self.fault

    def admit(self, rows: Sequence[int]) -> dict[int, Hold]:
        self.asked.update(rows)
        self.places |= {*rows} - self.refused
        return {row: Hold(Reason.CAPPED) for row in rows if row in self.refused}

    def look(self, row: int, now: int) -> Hold | None:
        hold = self.held.get(row)
        return None if hold is None or 0 < hold.until <= now else hold

    def admitted(self, row: int, now: int) -> bool:
        return row in self.places

    def settle(self, row: int, sent_at: int | None) -> None:
        self.settled[row] = sent_at
        self.places.discard(row)

    def close(self) -> None:
        self.closed = True


@dataclass
class Scene:
    gate: Scripted = field(default_factory=Scripted)
    now: int = START
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    arrived: Counter[int] = field(default_factory=Counter)
    made: Counter[int] = field(default_factory=Counter)

    def materialise(self, rows: Sequence[int]) -> Iterator[Block]:
        self.made.update(rows)
        for start in range(0, len(rows), 8):
            some = rows[start : start + 8]
            yield Block([Message(row, bytes([row]) * 16, "a@example.com", "b@example.com", b"x\r\n") for row in some])

    def deliver(self, **around: Any) -> Coroutine[Any, Any, Delivered]:
        surroundings = Surroundings(wall=lambda: self.now, gate=self.gate, **around)
        keys = [bytes([row]) * 16 for row in range(SIZE)]
        settings = Settings(owner="test", connections=3)
        return deliver(self.ledger.partition(0), keys, self.materialise, self, settings, surroundings)

    async def session(self, feed: Feed) -> None:
        while (message := await feed.next()) is not None:
            await self.send(feed, message)

    async def send(self, feed: Feed, message: Message) -> None:
        if not await feed.intent(message):
            feed.release(message)
            return
        self.arrived[message.index] += 1
        feed.outcome(message, ACCEPTED)

    def reasons(self) -> Counter[tuple[str, str]]:
        table = self.ledger.partition(0).replay().as_table([b"k" * 16] * SIZE)
        return Counter(zip(table["state"].to_pylist(), table["reason"].to_pylist(), strict=True))


def test_a_message_outside_its_hours_is_deferred_until_they_begin_and_no_try_is_spent(run: Run) -> None:
    scene = Scene()
    scene.gate.held = {3: Hold(Reason.QUIET_HOURS, START + 5 * MINUTE), 4: Hold(Reason.QUIET_HOURS, START + MINUTE)}
    delivered = run(scene.deliver())
    assert delivered.next_due == START + MINUTE
    assert scene.made.keys() == scene.arrived.keys() == set(range(SIZE)) - {3, 4}
    standing = scene.ledger.partition(0).replay()
    assert standing.state[3] == State.DEFERRED and standing.attempt[3] == 0
    assert standing.next_at[3] == START + 5 * MINUTE
    scene.now = START + MINUTE
    run(scene.deliver())
    assert scene.arrived[4] == 1 and not scene.arrived[3]
    scene.now = START + 5 * MINUTE
    assert run(scene.deliver()).counts.as_dict() == {"accepted": SIZE}
    assert scene.ledger.partition(0).replay().attempt[3] == 1


def test_hours_that_begin_after_the_message_has_expired_are_too_late(run: Run) -> None:
    scene = Scene()
    scene.gate.held = {3: Hold(Reason.QUIET_HOURS, START + 73 * 60 * MINUTE)}
    run(scene.deliver())
    assert scene.reasons()["skipped", "expired"] == 1


def test_what_is_one_message_too_many_is_skipped(run: Run) -> None:
    scene = Scene()
    scene.gate.refused = {1, 9}
    run(scene.deliver())
    assert scene.reasons() == {("accepted", "none"): SIZE - 2, ("skipped", "capped"): 2}
    assert scene.gate.recovered == [SIZE] and scene.gate.closed


def test_the_gate_learns_what_became_of_each_message(run: Run) -> None:
    scene = Scene()
    outcomes = {5: DEFERRED, 6: Outcome(OutcomeClass.REJECTED, 550), 7: Outcome(OutcomeClass.UNKNOWN)}

    async def answer(feed: Feed, message: Message) -> None:
        assert await feed.intent(message)
        feed.outcome(message, outcomes.get(message.index, ACCEPTED))

    scene.send = answer  # type: ignore[method-assign]
    run(scene.deliver())
    assert scene.gate.settled == {row: None if row in (5, 6) else START for row in range(SIZE)}


def test_a_reservation_that_has_lapsed_is_made_again_before_the_message_goes(run: Run) -> None:
    scene = Scene()
    plain = scene.send

    async def lapse(feed: Feed, message: Message) -> None:
        if scene.gate.asked[message.index] == 1:
            scene.gate.places.discard(message.index)
        await plain(feed, message)

    scene.send = lapse  # type: ignore[method-assign]
    assert run(scene.deliver()).counts.as_dict() == {"accepted": SIZE}
    assert scene.arrived == Counter(range(SIZE))
    assert set(scene.gate.asked.values()) == {2}


def test_who_is_suppressed_or_goes_to_bed_between_the_gate_and_the_dot_is_not_sent_to(run: Run) -> None:
    scene = Scene()
    plain = scene.send

    async def late(feed: Feed, message: Message) -> None:
        if message.index == 2:
            scene.gate.held[2] = Hold(Reason.SUPPRESSED)
        elif message.index == 3:
            scene.gate.held[3] = Hold(Reason.QUIET_HOURS, START + MINUTE)
        await plain(feed, message)

    scene.send = late  # type: ignore[method-assign]
    run(scene.deliver())
    assert set(scene.arrived) == set(range(SIZE)) - {2, 3}
    assert scene.reasons() == {
        ("accepted", "none"): SIZE - 2, ("skipped", "suppressed"): 1, ("deferred", "quiet_hours"): 1
    }  # fmt: skip


def test_nothing_goes_on_knowledge_that_is_too_old(run: Run) -> None:
    scene = Scene()

    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        last = begun

        async def slow(feed: Feed, message: Message) -> None:
            nonlocal last
            scene.gate.fault = GONE if len(scene.arrived) >= 3 else None
            await asyncio.sleep(1)
            if await feed.intent(message):
                last = loop.time()
                scene.arrived[message.index] += 1
                feed.outcome(message, ACCEPTED)
            else:
                feed.release(message)

        scene.send = slow  # type: ignore[method-assign]
        with pytest.raises(TryAgainError, match="gone"):
            await scene.deliver()
        return last - begun

    assert run(scenario()) <= 1 + FRESH_SECONDS + 1
    assert 3 <= len(scene.arrived) < SIZE
    scene.gate.fault = None
    scene.send = Scene.send.__get__(scene)  # type: ignore[method-assign]
    run(scene.deliver())
    assert scene.arrived == Counter(range(SIZE))


def test_a_store_that_is_gone_for_a_moment_stops_nothing(run: Run) -> None:
    scene = Scene()

    async def scenario() -> Delivered:
        async def slow(feed: Feed, message: Message) -> None:
            scene.gate.fault = GONE if len(scene.arrived) in range(3, 9) else None
            await asyncio.sleep(0.5)
            await Scene.send(scene, feed, message)

        scene.send = slow  # type: ignore[method-assign]
        return await scene.deliver()

    assert run(scenario()).counts.as_dict() == {"accepted": SIZE}


def test_a_store_that_is_gone_from_the_beginning_lets_nothing_go(run: Run) -> None:
    scene = Scene()
    scene.gate.fault = GONE
    with pytest.raises(TryAgainError):
        run(scene.deliver())
    assert not scene.arrived
    assert scene.ledger.counts().as_dict() == {"planned": SIZE}


def test_a_message_whose_wait_for_its_turn_is_cancelled_is_given_to_another(run: Run) -> None:
    scene = Scene()

    async def impatient(feed: Feed) -> None:
        while True:
            waiting = asyncio.ensure_future(feed.next())
            done, _ = await asyncio.wait([waiting], timeout=0.3)
            if not done:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
                raise ServiceError.single("MR700", "tired of waiting")
            message = waiting.result()
            if message is None:
                return
            await Scene.send(scene, feed, message)

    async def scenario() -> Delivered:
        scene.session = impatient  # type: ignore[method-assign]
        return await scene.deliver(pace=TokenBucket(2, 1, asyncio.get_running_loop().time()))

    assert run(scenario()).counts.as_dict() == {"accepted": SIZE}
    assert scene.arrived == Counter(range(SIZE))
