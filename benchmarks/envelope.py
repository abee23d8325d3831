"""What the measured messages bear beside their text, and how they are read back to be compared."""

from __future__ import annotations

import datetime as dt
from email import message_from_bytes
from email.policy import default

DATE = dt.datetime(2025, 11, 3, 9, 0, tzinfo=dt.UTC)
SENDER = "shop@example.com"
UNSUBSCRIBE_URL = "https://shop.example.com/u/"


def message_id(token: str) -> str:
    return f"<{token}@example.com>"


def unsubscribe(token: str) -> str:
    return f"<{UNSUBSCRIBE_URL}{token}>"


def read(content: bytes) -> tuple[str, ...]:
    """Subject, text and HTML of a message, the line ends at the parts' ends aside."""
    message = message_from_bytes(content, policy=default)
    parts = [message.get_body((kind,)) for kind in ("plain", "html")]
    assert all(part is not None for part in parts)
    return (
        str(message["Subject"]),
        *(part.get_content().replace("\r\n", "\n").rstrip("\n") for part in parts if part is not None),
    )
