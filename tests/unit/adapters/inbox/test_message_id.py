from __future__ import annotations

import pytest

from engine.adapters.inbox.received import message_id, recipient_hash


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"Message-ID: <a@example.com>\r\n\r\n", "<a@example.com>"),
        (b"From: x\r\nmessage-id:<a@example.com>\r\nTo: y\r\n\r\n", "<a@example.com>"),
        (b"Message-ID:\r\n <a@example.com>\r\n\r\n", "<a@example.com>"),
        (b"X-Message-ID: <b@example.com>\r\n\r\nMessage-ID: <body@example.com>\r\n", ""),
        (b"", ""),
    ],
)
def test_the_header_alone_counts(content: bytes, found: str) -> None:
    assert message_id(content) == found


def test_a_recipient_is_hashed_without_regard_to_case() -> None:
    assert recipient_hash("A@Example.com") == recipient_hash("a@example.com") != recipient_hash("b@example.com")
