from __future__ import annotations

import pytest

from engine.adapters.transports.smtp.capabilities import Capabilities
from engine.adapters.transports.smtp.envelope import (
    NEEDS_EIGHT_BIT,
    NEEDS_UTF8,
    TOO_LARGE,
    UNSAFE_ADDRESS,
    UNSAFE_CONTENT,
    Envelope,
    fit,
)
from engine.delivery.message import Message, Outcome

PLAIN = b"Subject: x\r\n\r\nhello\r\n"
EIGHT_BIT = "Subject: x\r\n\r\nhällo\r\n".encode()


def message(content: bytes = PLAIN, sender: str = "a@example.com", recipient: str = "b@example.com") -> Message:
    return Message(0, bytes(16), sender, recipient, content)


def lines(fitted: Envelope | Outcome) -> list[str]:
    assert isinstance(fitted, Envelope)
    return [command.line.decode() for command in fitted.commands]


def test_a_plain_message_to_a_plain_server() -> None:
    fitted = fit(message(), Capabilities())
    assert lines(fitted) == ["MAIL FROM:<a@example.com>\r\n", "RCPT TO:<b@example.com>\r\n", "DATA\r\n"]


def test_parameters_follow_what_is_offered_and_needed() -> None:
    server = Capabilities(size=True, eight_bit=True, utf8=True, largest=1_000)
    fitted = fit(message(EIGHT_BIT, recipient="bärbel@example.com"), server)
    assert lines(fitted)[0] == f"MAIL FROM:<a@example.com> SIZE={len(EIGHT_BIT)} BODY=8BITMIME SMTPUTF8\r\n"
    assert lines(fitted)[1] == "RCPT TO:<bärbel@example.com>\r\n"


def test_a_null_sender_is_an_empty_path() -> None:
    assert lines(fit(message(sender=""), Capabilities()))[0] == "MAIL FROM:<>\r\n"


def test_a_domain_has_an_ascii_form() -> None:
    fitted = fit(message(recipient="b@straße.example.com"), Capabilities())
    assert lines(fitted)[1] == "RCPT TO:<b@xn--strae-oqa.example.com>\r\n"


@pytest.mark.parametrize(
    ("refused", "server", "outcome"),
    [
        (message(EIGHT_BIT), Capabilities(), NEEDS_EIGHT_BIT),
        (message(recipient="bärbel@example.com"), Capabilities(), NEEDS_UTF8),
        (message(recipient="b@\u0130\u0307..example.com"), Capabilities(), NEEDS_UTF8),
        (message(), Capabilities(size=True, largest=len(PLAIN) - 1), TOO_LARGE),
        (message(b"bare\nline feed\r\n"), Capabilities(), UNSAFE_CONTENT),
        (message(b"no end"), Capabilities(), UNSAFE_CONTENT),
        (message(recipient=""), Capabilities(), UNSAFE_ADDRESS),
    ],
)
def test_what_a_server_cannot_take_is_an_outcome(refused: Message, server: Capabilities, outcome: Outcome) -> None:
    assert fit(refused, server) is outcome


@pytest.mark.parametrize(
    "bad", ["\r", "\n", "\r\nRCPT TO:<c@example.com>", "\0", " ", ">", "<", "\x7f", "\x85", "\u2028", "\u2029", "\t"]
)
@pytest.mark.parametrize("where", ["sender", "recipient"])
def test_nothing_that_could_end_a_command_gets_into_one(bad: str, where: str) -> None:
    addresses = {"sender": "a@example.com", "recipient": "b@example.com", where: f"x{bad}y@example.com"}
    assert fit(message(**addresses), Capabilities(utf8=True)) is UNSAFE_ADDRESS
