"""What came back proves that a message was taken."""

from contextlib import closing
from pathlib import Path

import pytest

from engine.adapters.feedback.event_log import SqliteEventLog
from engine.adapters.feedback.evidence import FeedbackEvidence
from engine.delivery.feedback.events import FeedbackEvent, Kind

KEYS = [bytes([number]) * 16 for number in range(4)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feedback.sqlite"


def test_whatever_names_a_message_proves_that_it_was_taken(path: Path) -> None:
    events = [
        FeedbackEvent("mail:2", Kind.HARD, 20, "mail", KEYS[0], "a@example.com"),
        FeedbackEvent("ses:1", Kind.DELIVERED, 10, "ses", KEYS[0], "a@example.com"),
        FeedbackEvent("one-click:1", Kind.UNSUBSCRIBE, 30, "one-click", KEYS[1], "b@example.com"),
        FeedbackEvent("mail:3", Kind.HARD, 40, "mail", None, "c@example.com"),
    ]
    with closing(SqliteEventLog(path, "one")) as log:
        log.append(events)
    found = FeedbackEvidence(lambda: SqliteEventLog(path, "one")).ask(KEYS)
    assert {key: str(each) for key, each in found.items()} == {
        KEYS[0]: "ses: delivered",  # the first that came back
        KEYS[1]: "one-click: unsubscribe",
    }
    assert FeedbackEvidence(lambda: SqliteEventLog(path, "two")).ask(KEYS) == {}


def test_where_nothing_ever_came_back_nothing_is_known() -> None:
    assert FeedbackEvidence(lambda: None).ask(KEYS) == {}
