"""A message fitted to a server: its MAIL, RCPT and DATA, or the reason why this server cannot take it."""

from __future__ import annotations

from typing import Final, NamedTuple

import idna

from engine.adapters.transports.smtp.capabilities import Capabilities
from engine.adapters.transports.smtp.commands import DATA, may_stand_in_a_command
from engine.adapters.transports.smtp.content import is_seven_bit, transparent
from engine.adapters.transports.smtp.core import Command
from engine.adapters.transports.smtp.states import Verb
from engine.delivery.message import Message, Outcome, OutcomeClass


class Envelope(NamedTuple):
    """The three commands and the content that follows them, without the final dot."""

    commands: tuple[Command, Command, Command]
    content: bytes | memoryview


def _refusal(code: int, enhanced: str, detail: str) -> Outcome:
    return Outcome(OutcomeClass.REJECTED, code, enhanced, detail)


# The codes are those that a server would have answered with.
UNSAFE_ADDRESS: Final = _refusal(553, "5.1.3", "a character in the address that no address may hold")
UNSAFE_CONTENT: Final = _refusal(554, "5.6.0", "content with a bare CR or LF, or without a line end at its end")
NEEDS_UTF8: Final = _refusal(553, "5.6.7", "an address in UTF-8, and a server without SMTPUTF8")
NEEDS_EIGHT_BIT: Final = _refusal(554, "5.6.3", "content in 8 bits, and a server without 8BITMIME")
TOO_LARGE: Final = _refusal(552, "5.3.4", "larger than the server takes")


def fit(message: Message, capabilities: Capabilities) -> Envelope | Outcome:
    """The envelope for a server with these capabilities, or the outcome when it cannot be sent to it; nothing is written then."""
    addresses = message.sender, message.recipient
    together = message.sender + message.recipient
    if not message.recipient or not may_stand_in_a_command(together):
        return UNSAFE_ADDRESS
    content = transparent(message.content)
    if content is None:
        return UNSAFE_CONTENT
    parameters = b""
    if capabilities.size:
        if capabilities.largest is not None and len(message.content) > capabilities.largest:
            return TOO_LARGE
        parameters = b" SIZE=%d" % len(message.content)
    if not is_seven_bit(content):
        if not capabilities.eight_bit:
            return NEEDS_EIGHT_BIT
        parameters += b" BODY=8BITMIME"
    if not together.isascii():
        if capabilities.utf8:
            parameters += b" SMTPUTF8"
        else:
            ascii_addresses = _in_ascii(addresses[0]), _in_ascii(addresses[1])
            if None in ascii_addresses:
                return NEEDS_UTF8
            addresses = ascii_addresses  # type: ignore[assignment]
    mail = Command(Verb.MAIL, b"MAIL FROM:<" + addresses[0].encode() + b">" + parameters + b"\r\n")
    rcpt = Command(Verb.RCPT, b"RCPT TO:<" + addresses[1].encode() + b">\r\n")
    return Envelope((mail, rcpt, DATA), content)


def _in_ascii(address: str) -> str | None:
    """The address with its domain in IDNA 2008, or None when that is not enough: a local part has no ASCII form (RFC 6531)."""
    local, at, domain = address.rpartition("@")
    if not local.isascii():
        return None
    try:
        return local + at + idna.encode(domain, uts46=True).decode("ascii") if domain else address
    except idna.IDNAError:
        return None
