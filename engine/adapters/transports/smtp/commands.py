"""Commands as bytes. Nothing that could end a line gets into one."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

from engine.adapters.transports.smtp.core import Command
from engine.adapters.transports.smtp.errors import LocalProtocolError
from engine.adapters.transports.smtp.states import Verb

# Controls (CR and LF among them), DEL, the C1 controls, the Unicode line ends, angle brackets and space.
_FORBIDDEN: Final = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029<>]")

STARTTLS: Final = Command(Verb.STARTTLS, b"STARTTLS\r\n")
DATA: Final = Command(Verb.DATA, b"DATA\r\n")
END: Final = Command(Verb.END, b".\r\n")
RSET: Final = Command(Verb.RSET, b"RSET\r\n")
QUIT: Final = Command(Verb.QUIT, b"QUIT\r\n")


def may_stand_in_a_command(text: str) -> bool:
    """Whether an address, or several, can be written between angle brackets without ending the line or the path."""
    return _FORBIDDEN.search(text) is None


def ehlo(name: str) -> Command:
    """EHLO with our host's name or address literal. Raises LocalProtocolError for a name that is neither."""
    if not name.isascii() or not name or _FORBIDDEN.search(name):
        raise LocalProtocolError("the name for EHLO is no host name")
    return Command(Verb.EHLO, b"EHLO " + name.encode("ascii") + b"\r\n")


def auth_plain(username: str, password: str) -> Command:
    """RFC 4616, with the initial response of RFC 4954. Raises LocalProtocolError for a NUL."""
    if "\0" in username + password:
        raise LocalProtocolError("a NUL in the credentials")
    response = b64encode(f"\0{username}\0{password}".encode())
    return Command(Verb.AUTH, b"AUTH PLAIN " + response + b"\r\n")


AUTH_LOGIN: Final = Command(Verb.AUTH, b"AUTH LOGIN\r\n")


def auth_response(value: str) -> Command:
    """One answer in the LOGIN exchange."""
    return Command(Verb.AUTH, b64encode(value.encode()) + b"\r\n")
