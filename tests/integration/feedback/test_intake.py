"""From an event to the stores that outlive runs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from engine.assembly.feedback import Feedback
from engine.assembly.stores import open_suppression
from engine.delivery.feedback.consequences import SOFT_WINDOW
from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.errors import MailrayError

NOW = 1_772_442_000_000_000
DAY = 86_400_000_000


def suppressed(campaign: Any) -> dict[str, tuple[str, str]]:
    store = open_suppression(campaign.settings.stores_at)
    try:
        return {each.address: (each.list, each.reason.value) for each in store.entries()}
    finally:
        store.close()


def event(number: int, kind: Kind, address: str = "Tom@Example.NET", at: int = NOW) -> FeedbackEvent:
    return FeedbackEvent(f"test:{number}", kind, at, "test", address=address)


@pytest.mark.parametrize(
    ("kind", "reason"), [(Kind.HARD, "bounced"), (Kind.COMPLAINT, "complained"), (Kind.UNSUBSCRIBE, "unsubscribed")]
)
def test_at_once(campaign: Any, feedback: Feedback, kind: Kind, reason: str) -> None:
    assert feedback.intake.take([event(1, kind)]) == 1
    assert suppressed(campaign) == {"tom@example.net": ("", reason)}


@pytest.mark.parametrize(
    "kind", [Kind.POLICY, Kind.DELAYED, Kind.DELIVERED, Kind.AUTO_REPLY, Kind.OPEN, Kind.CLICK, Kind.OTHER]
)
def test_never(campaign: Any, feedback: Feedback, kind: Kind) -> None:
    feedback.intake.take([event(number, kind) for number in range(9)])
    assert suppressed(campaign) == {}


def test_the_third_soft_bounce_within_two_weeks(campaign: Any, feedback: Feedback) -> None:
    for number in range(2):
        feedback.intake.take([event(number, Kind.SOFT, at=NOW + number * DAY)])
    assert suppressed(campaign) == {}
    feedback.intake.take([event(1, Kind.SOFT, at=NOW + DAY)])  # told again: still the second
    assert suppressed(campaign) == {}
    feedback.intake.take([event(9, Kind.SOFT, at=NOW + 2 * DAY)])
    assert suppressed(campaign) == {"tom@example.net": ("", "bounced")}


def test_soft_bounces_that_are_far_apart_do_not_add_up(campaign: Any, feedback: Feedback) -> None:
    for number in range(6):
        feedback.intake.take([event(number, Kind.SOFT, at=NOW + number * (SOFT_WINDOW // 2 + DAY))])
    assert suppressed(campaign) == {}


def test_soft_bounces_of_one_message_are_one(campaign: Any, feedback: Feedback) -> None:
    events = [replace(event(number, Kind.SOFT), key=bytes(16)) for number in range(5)]
    feedback.intake.take(events)
    assert suppressed(campaign) == {}


def test_told_again_nothing_happens_again(campaign: Any, feedback: Feedback) -> None:
    """An operator who mails somebody again is not overruled by an old mail."""
    assert feedback.intake.take([event(1, Kind.HARD)]) == 1
    store = open_suppression(campaign.settings.stores_at)
    store.remove(["tom@example.net"], "")
    store.close()
    assert feedback.intake.take([event(1, Kind.HARD)]) == 0
    assert suppressed(campaign) == {}


def test_the_address_that_was_mailed_goes_before_one_that_is_named(campaign: Any, feedback: Feedback) -> None:
    feedback.deliveries.index()
    recipient = next(iter(campaign.messages))
    delivery = feedback.deliveries.find_message_id(_message_id(campaign.messages[recipient]))
    assert delivery is not None
    feedback.intake.take([FeedbackEvent("test:1", Kind.COMPLAINT, NOW, "test", delivery.key, "somebody@else.example")])
    assert suppressed(campaign) == {recipient: ("", "complained")}


def test_a_store_that_cannot_be_written_keeps_nothing(campaign: Any, feedback: Feedback) -> None:
    feedback.intake.take([event(1, Kind.OPEN)])
    path = campaign.settings.stores_folder / "suppression.sqlite"
    path.write_bytes(b"")
    with pytest.raises(MailrayError):
        feedback.intake.take([event(2, Kind.HARD)])
    assert feedback.log.known(["test:1", "test:2"]) == {"test:1"}
    path.unlink()
    assert feedback.intake.take([event(2, Kind.HARD)]) == 1
    assert suppressed(campaign) == {"tom@example.net": ("", "bounced")}


def test_counts(feedback: Feedback) -> None:
    feedback.intake.take([event(1, Kind.HARD), event(2, Kind.HARD), event(3, Kind.OPEN)])
    assert feedback.log.counts() == {("hard", "test"): 2, ("open", "test"): 1}


def test_what_came_back_is_an_event_of_its_recipient(campaign: Any, feedback: Feedback) -> None:
    feedback.deliveries.index()
    raw = next(iter(campaign.messages.values()))
    delivery = feedback.deliveries.find_message_id(_message_id(raw))
    assert delivery is not None
    url = "https://shop.example.com/"
    click = FeedbackEvent("link:1", Kind.CLICK, NOW, "link", delivery.key, delivery.address, detail=url)
    strangers = [
        event(2, Kind.HARD),
        FeedbackEvent("test:3", Kind.OTHER, NOW, "test", delivery.key),
        FeedbackEvent("test:" + "4" * 600, Kind.OPEN, NOW, "test", delivery.key),  # no store keeps such an id
    ]
    for _ in range(2):
        feedback.intake.take([click, *strangers])
    rows = feedback.store.events(0, 100)[0].to_pylist()
    assert [(each["event_id"], each["event_type"], each["user_id"], each["campaign_id"]) for each in rows] == [
        ("feedback:link:1", "clicked", delivery.recipient, "welcome"),
    ]
    assert json.loads(rows[0]["properties"]) == {
        "key": delivery.key.hex(),
        "run": "first",
        "source": "link",
        "url": url,
    }


def _message_id(raw: bytes) -> str:
    return raw.split(b"Message-ID: <")[1].split(b"@")[0].decode()
