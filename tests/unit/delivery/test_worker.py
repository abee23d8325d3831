"""The send loop against a ledger in memory and transports that do what a test tells them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from engine.campaign.schema import UnknownPolicy
from engine.delivery.dispatch import Surroundings
from engine.delivery.gate import Hold
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.pacing import TokenBucket
from engine.delivery.retry import Backoff
from engine.delivery.supply import Block
from engine.delivery.transport import Feed
from engine.delivery.worker import Delivered, Settings, deliver
from engine.errors import InputError, InternalError, MailrayError, RefusedError, ServiceError, TryAgainError
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry
from engine.ledger.memory import MemoryLedger, MemoryPartition
from engine.ledger.replay import Standing
from engine.ledger.states import Reason, State

Run = Callable[[Coroutine[Any, Any, Any]], Any]
Send = Callable[[Feed, Message], Awaitable[None]]

ACCEPTED = Outcome(OutcomeClass.ACCEPTED, 250, "2.0.0", "accepted")
DEFERRED = Outcome(OutcomeClass.DEFERRED, 451, "4.7.1", "greylisted")
REJECTED = Outcome(OutcomeClass.REJECTED, 550, "5.1.1", "no such mailbox")
UNKNOWN = Outcome(OutcomeClass.UNKNOWN, detail="no reply")
MINUTE = 60_000_000
LOST = ServiceError.single("MR700", "the connection was lost")


@dataclass
class Scene:
    """A partition of ``size`` messages, a wall clock that a test sets, and all that reached the other side."""

    size: int = 40
    now: int = 1_000_000_000_000
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    arrived: Counter[int] = field(default_factory=Counter)
    made: list[Sequence[int]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=lambda: Settings(owner="test", connections=4))

    def materialise(self, rows: Sequence[int]) -> Iterator[Block]:
        for start in range(0, len(rows), 8):
            yield self.block(rows[start : start + 8])

    def block(self, rows: Sequence[int]) -> Block:
        self.made.append(rows)
        messages = [
            Message(row, row.to_bytes(16, "big"), "from@example.com", f"to{row}@example.com", b"x\r\n")
            for row in rows
            if row not in self.faults
        ]
        return Block(messages, {row: self.faults[row] for row in rows if row in self.faults})

    def deliver(self, send: Send, partition: MemoryPartition | None = None, **around: Any) -> Awaitable[Delivered]:
        surroundings = Surroundings(wall=lambda: self.now, **around)
        keys = [row.to_bytes(16, "big") for row in range(self.size)]
        partition = partition or self.ledger.partition(0)
        return deliver(partition, keys, self.materialise, Scripted(send), self.settings, surroundings)

    async def accept(self, feed: Feed, message: Message) -> None:
        await self.answer(feed, message, ACCEPTED)

    async def answer(self, feed: Feed, message: Message, outcome: Outcome) -> None:
        if not await feed.intent(message):
            feed.release(message)
            return
        await asyncio.sleep(0.001)
        if outcome.outcome in (OutcomeClass.ACCEPTED, OutcomeClass.UNKNOWN):
            self.arrived[message.index] += 1
        feed.outcome(message, outcome)

    def states(self) -> list[State]:
        return [State(each) for each in self.ledger.partition(0).replay().state]

    def reasons(self) -> Counter[tuple[str, str]]:
        table = self.ledger.partition(0).replay().as_table([b"k" * 16] * self.size)
        return Counter(zip(table["state"].to_pylist(), table["reason"].to_pylist(), strict=True))


class Closed:
    """A gate that never lets ``rows`` through."""

    def __init__(self, rows: set[int]) -> None:
        self.rows = rows

    def recover(self, standing: Standing) -> None: ...

    def refresh(self) -> None: ...

    def admit(self, rows: Sequence[int]) -> dict[int, Hold]:
        return {}

    def look(self, row: int, now: int) -> Hold | None:
        return Hold(Reason.SUPPRESSED) if row in self.rows else None

    def admitted(self, row: int, now: int) -> bool:
        return True

    def settle(self, row: int, sent_at: int | None) -> None: ...

    def close(self) -> None: ...


class Scripted:
    def __init__(self, send: Send) -> None:
        self._send = send

    async def session(self, feed: Feed) -> None:
        while (message := await feed.next()) is not None:
            await self._send(feed, message)


def once(size: int) -> Counter[int]:
    return Counter(range(size))


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
