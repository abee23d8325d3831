"""In virtual time: a destination that is slow, congested or broken never slows another."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest

from engine.delivery.dispatch import Surroundings
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.pacing import OTHER, Limit, PartitionPacing, Throttles
from engine.delivery.supply import Block
from engine.delivery.transport import Feed
from engine.delivery.worker import Delivered, Settings, deliver
from engine.ledger.memory import MemoryLedger

Run = Callable[[Coroutine[Any, Any, Any]], Any]
GROUPS = (OTHER, "a", "b")
BLOCK = 16
CONNECTIONS = 4
REPLY = 0.01  # seconds
ACCEPTED = Outcome(OutcomeClass.ACCEPTED, 250)
BUSY = Outcome(OutcomeClass.DEFERRED, 451, "4.7.1")


class Scene:
    """Messages to addresses; ``answers`` says what a domain replies at a time."""

    def __init__(self, addresses: Sequence[str], limits: dict[str, Limit]) -> None:
        self.addresses = addresses
        self.limits = limits
        self.answers: Callable[[str, float], Outcome] = lambda domain, now: ACCEPTED
        self.sent: dict[str, list[float]] = defaultdict(list)
        self.made = self.taken = self.most_made = 0
        self.in_flight: dict[str, int] = defaultdict(int)
        self.most_in_flight: dict[str, int] = defaultdict(int)
        self.ledger = MemoryLedger()

    def materialise(self, rows: Sequence[int]) -> Iterator[Block]:
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            self.made += len(some)
            self.most_made = max(self.most_made, self.made - self.taken)
            yield Block(
                [Message(row, row.to_bytes(16, "big"), "f@example.com", self.addresses[row], b"x\r\n") for row in some]
            )

    async def session(self, feed: Feed) -> None:
        loop = asyncio.get_running_loop()
        while (message := await feed.next()) is not None:
            domain = message.recipient.partition("@")[2]
            self.taken += 1
            self.in_flight[domain] += 1
            self.most_in_flight[domain] = max(self.most_in_flight[domain], self.in_flight[domain])
            await asyncio.sleep(REPLY)
            self.in_flight[domain] -= 1
            outcome = self.answers(domain, loop.time() - self.start)
            if outcome is ACCEPTED and not await feed.intent(message):
                feed.release(message)
                continue
            self.sent[domain].append(loop.time() - self.start)
            feed.outcome(message, outcome)

    async def deliver(self) -> Delivered:
        now = self.start = asyncio.get_running_loop().time()
        numbers = {"a.test": 1, "b.test": 2}
        groups = [numbers.get(address.partition("@")[2], 0) for address in self.addresses]
        pacing = PartitionPacing(Throttles(self.limits, CONNECTIONS * 2, now), GROUPS, groups)
        keys = [row.to_bytes(16, "big") for row in range(len(self.addresses))]
        around = Surroundings(wall=lambda: 1_000_000_000_000, pacing=pacing)
        settings = Settings(owner="test", connections=CONNECTIONS)
        ticking = asyncio.create_task(tick())
        try:
            return await deliver(self.ledger.partition(0), keys, self.materialise, self, settings, around)
        finally:
            ticking.cancel()


async def tick() -> None:
    """Keep virtual time from leaping far while a thread has work."""
    while True:
        await asyncio.sleep(0.5)


def mixed(counts: dict[str, int]) -> list[str]:
    """So many addresses of each domain, one after the other in turn."""
    left, addresses = dict(counts), []
    while left:
        for domain in [*left]:
            addresses.append(f"to{len(addresses)}@{domain}")
            left[domain] -= 1
            if not left[domain]:
                del left[domain]
    return addresses


def test_one_that_is_slow_by_its_limit_lets_the_other_go_at_full_speed(run: Run) -> None:
    scene = Scene(mixed({"a.test": 30, "b.test": 600}), {"a": Limit(per_second=1)})
    delivered = run(scene.deliver())
    assert delivered.counts.as_dict() == {"accepted": 630}
    a, b = scene.sent["a.test"], scene.sent["b.test"]
    assert all(at >= number for number, at in enumerate(a))
    alone = Scene(mixed({"b.test": 600}), {})
    run(alone.deliver())
    assert b[-1] <= 1.5 * alone.sent["b.test"][-1] + 0.5
    assert scene.most_made <= len(GROUPS) * 2 * BLOCK + 2 * BLOCK


def test_the_memory_for_one_that_waits_does_not_grow_with_how_much_waits(run: Run) -> None:
    scene = Scene(mixed({"a.test": 2_000, "b.test": 200}), {"a": Limit(per_second=50)})
    run(scene.deliver())
    assert scene.most_made <= len(GROUPS) * 2 * BLOCK + 2 * BLOCK
    assert scene.sent["b.test"][-1] < scene.sent["a.test"][-1] / 3


def test_a_limit_on_connections_holds_for_its_group_alone(run: Run) -> None:
    scene = Scene(mixed({"a.test": 100, "b.test": 300}), {"a": Limit(connections=1)})
    run(scene.deliver())
    assert scene.most_in_flight["a.test"] == 1
    assert scene.most_in_flight["b.test"] >= CONNECTIONS - 1


@pytest.mark.parametrize("domain", ["a.test", "c.test"])
def test_one_that_is_congested_is_asked_less_and_the_others_go_on(run: Run, domain: str) -> None:
    scene = Scene(mixed({domain: 60, "b.test": 300, "d.test": 300}), {})
    scene.answers = lambda asked, now: BUSY if asked == domain and now < 200 else ACCEPTED
    delivered = run(scene.deliver())
    deferred = delivered.counts.as_dict()["deferred"]
    assert 10 <= deferred <= 10 + 2 * CONNECTIONS
    assert delivered.counts.as_dict()["accepted"] == 660 - deferred
    assert max(scene.sent["b.test"] + scene.sent["d.test"]) < 60
    assert scene.sent[domain][-1] > 200


def test_many_small_domains_in_trouble_do_not_hold_up_each_other(run: Run) -> None:
    troubled = {f"t{number}.test": 12 for number in range(20)}
    scene = Scene(mixed({**troubled, "fine.test": 200}), {})
    scene.answers = lambda asked, now: BUSY if asked in troubled and now < 30 else ACCEPTED
    delivered = run(scene.deliver())
    assert sum(delivered.counts.as_dict().values()) == 440
    assert scene.sent["fine.test"][-1] < 60
