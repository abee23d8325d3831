"""A delivery whose doubts are found out about."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from delivery_scene import MINUTE, UNKNOWN, Run, Scene

from engine.campaign.schema import UnknownPolicy
from engine.delivery.doubts import FIRST_LOOK, DoubtRule, Evidence
from engine.delivery.message import Message
from engine.delivery.transport import Feed
from engine.ledger.entries import Entry
from engine.ledger.states import State

AFTER = 60 * MINUTE


class Inbox:
    """Knows of the messages that it was told of."""

    def __init__(self, remembers: int = 0) -> None:
        self.known: set[bytes] = set()
        self.remembers = remembers
        self.asked: list[Sequence[bytes]] = []

    def ask(self, keys: Sequence[bytes]) -> dict[bytes, Evidence]:
        self.asked.append(keys)
        return {key: Evidence("inbox", "it is there") for key in keys if key in self.known}


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def scene_of(then: UnknownPolicy) -> Scene:
    scene = Scene(size=6)
    rule = DoubtRule(AFTER, then)
    scene.settings = replace(scene.settings, on_unknown=UnknownPolicy.RECONCILE, rule=rule)
    return scene


def forgetting(scene: Scene, rows: set[int]):
    """Sends, and gets no reply for these rows."""

    async def send(feed: Feed, message: Message) -> None:
        if message.index in rows:
            await scene.answer(feed, message, UNKNOWN)
        else:
            await scene.accept(feed, message)

    return send


def key(row: int) -> bytes:
    return row.to_bytes(16, "big")


def test_a_doubt_is_looked_at_again_and_found_out(run: Run, inbox: Inbox) -> None:
    scene = scene_of(UnknownPolicy.SKIP)
    first = run(scene.deliver(forgetting(scene, {1, 2}), witness=inbox))
    assert first.next_due == scene.now + FIRST_LOOK
    assert scene.arrived[1] == 1
    inbox.known.add(key(1))
    scene.now = first.next_due
    second = run(scene.deliver(scene.accept, witness=inbox))
    assert [scene.states()[row] for row in (1, 2)] == [State.RESOLVED_SENT, State.UNKNOWN]
    assert second.next_due == scene.now + FIRST_LOOK
    scene.now += AFTER
    third = run(scene.deliver(scene.accept, witness=inbox))
    assert scene.states()[2] is State.RESOLVED_SKIPPED
    assert third.next_due is None
    assert max(scene.arrived.values()) == 1


def test_what_nobody_knows_of_is_sent_again_when_the_campaign_says_so(run: Run, inbox: Inbox) -> None:
    scene = scene_of(UnknownPolicy.RESEND)
    run(scene.deliver(forgetting(scene, {1, 2}), witness=inbox))
    inbox.known.add(key(1))
    scene.now += AFTER
    run(scene.deliver(scene.accept, witness=inbox))
    assert [scene.states()[row] for row in (1, 2)] == [State.RESOLVED_SENT, State.ACCEPTED]
    assert (scene.arrived[1], scene.arrived[2]) == (1, 2)


def test_what_the_other_end_knows_again_goes_at_the_next_look(run: Run) -> None:
    inbox = Inbox(remembers=24 * 60 * MINUTE)
    scene = scene_of(UnknownPolicy.SKIP)
    first = run(scene.deliver(forgetting(scene, {1}), witness=inbox))
    scene.now = first.next_due
    run(scene.deliver(scene.accept, witness=inbox))
    assert scene.states()[1] is State.ACCEPTED


def test_a_crash_is_a_doubt_like_any_other(run: Run, inbox: Inbox) -> None:
    scene = scene_of(UnknownPolicy.SKIP)
    partition = scene.ledger.partition(0)
    partition.claim("test", scene.now, 0)
    partition.plan([key(row) for row in range(scene.size)], scene.now)
    partition.append([Entry(row, State.INTENT.value, 1, scene.now) for row in (0, 1)], 0)
    inbox.known.add(key(0))
    delivered = run(scene.deliver(scene.accept, witness=inbox))
    assert delivered.crashed == 2
    assert [scene.states()[row] for row in (0, 1)] == [State.RESOLVED_SENT, State.UNKNOWN]
    assert set(scene.arrived) == {2, 3, 4, 5}


def test_nobody_is_asked_where_nothing_is_in_doubt_or_the_campaign_does_not_want_to_know(
    run: Run, inbox: Inbox
) -> None:
    scene = scene_of(UnknownPolicy.SKIP)
    run(scene.deliver(scene.accept, witness=inbox))
    other = Scene(size=6)
    run(other.deliver(forgetting(other, {1}), witness=inbox))
    run(other.deliver(other.accept, witness=inbox))
    assert inbox.asked == []
