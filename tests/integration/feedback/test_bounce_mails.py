"""A bounce of a message that we sent is known for it, and a mail that only says so is not."""

from __future__ import annotations

from typing import Any

import pytest

from engine.assembly.feedback import Feedback
from engine.delivery.feedback.events import Kind

NOW = 1_772_442_000_000_000
REPORT = """\
From: MAILER-DAEMON@relay.example.org
To: bounces@example.com
Subject: Undelivered Mail Returned to Sender
Message-ID: <1@relay.example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b

Your message could not be delivered.

--b
Content-Type: message/delivery-status

Final-Recipient: rfc822; {final}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown

--b
Content-Type: {kind}

{original}
--b--
"""


def bounce(original: bytes, final: str, kind: str = "message/rfc822") -> bytes:
    return REPORT.format(final=final, kind=kind, original=original.decode().replace("\r\n", "\n")).encode()


def headers(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[0] + b"\r\n"


@pytest.mark.parametrize("part", ["whole", "headers", "message id alone", "token alone"])
def test_what_came_back_tells_which_message_it_was(campaign: Any, feedback: Feedback, part: str) -> None:
    recipient, raw = next(iter(campaign.messages.items()))
    lines = headers(raw).split(b"\r\n")
    original = {
        "whole": raw,
        "headers": headers(raw),
        "message id alone": b"\n".join(each for each in lines if each.startswith(b"Message-ID")),
        "token alone": b"\n".join(each for each in lines if each.startswith(b"List-Unsubscribe:")),
    }[part]
    read = feedback.bounces.read(
        bounce(original, recipient, "message/rfc822" if part == "whole" else "text/rfc822-headers"), NOW
    )
    assert read.delivery is not None
    assert read.delivery.address == recipient
    (event,) = read.events
    assert (event.kind, event.key) == (Kind.HARD, read.delivery.key)


def test_a_forged_token_is_of_no_message(campaign: Any, feedback: Feedback) -> None:
    recipient, raw = next(iter(campaign.messages.items()))
    forged = (
        b"List-Unsubscribe: <https://example.com/u/" + b"a" * 48 + b">\nMessage-ID: <" + b"b" * 32 + b"@example.com>\n"
    )
    read = feedback.bounces.read(bounce(forged, recipient, "text/rfc822-headers"), NOW)
    assert read.delivery is None
    assert [each.key for each in read.events] == [None]
    assert raw


def test_a_dead_address_behind_a_forward_is_not_the_one_that_was_mailed(campaign: Any, feedback: Feedback) -> None:
    raw = next(iter(campaign.messages.values()))
    read = feedback.bounces.read(bounce(raw, "elsewhere@example.org"), NOW)
    assert read.delivery is not None
    assert [each.kind for each in read.events] == [Kind.SOFT]


def test_the_same_mail_is_the_same_event(campaign: Any, feedback: Feedback) -> None:
    recipient, raw = next(iter(campaign.messages.items()))
    mail = bounce(raw, recipient)
    again = b"Received: from another.example.org\n" + mail
    assert [each.id for each in feedback.bounces.read(mail, NOW).events] == [
        each.id for each in feedback.bounces.read(again, NOW + 1).events
    ]
