"""How a transport is set: everything that its URL does not say."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password, or a token alone, already resolved from their reference; never shown."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Credentials:
        """``NAME:PASSWORD``, or a token, which is a password without a name."""
        name, colon, password = text.partition(":")
        return cls(name, password) if colon else cls("", name)

    @property
    def token(self) -> str:
        """The text as it was, for whoever does not tell name and password apart."""
        return f"{self.username}:{self.password}" if self.username else self.password


class StartTls(StrEnum):
    OFFERED = "offered"  # used when the server offers it
    REQUIRED = "required"  # no server without it
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that a whole reply may take, however slowly its bytes drip.

    The defaults are Postfix's and RFC 5321 section 4.5.3.2's. A shorter ``end`` makes more outcomes unknown: the server may
    have the message and still be busy with it.
    """

    connect: float = 30
    greeting: float = 300
    hello: float = 300
    tls: float = 60
    auth: float = 120
    envelope: float = 300  # MAIL, RCPT, RSET
    data: float = 120
    content: float = 180  # until the system has taken the whole body
    end: float = 600
    quit: float = 10


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Settings of all kinds; each reads what it knows.

    ``local_name`` is what EHLO says, by default our end's address literal; ``slow_seconds`` is how long a rehearsed slow recipient takes.
    """

    credentials: Credentials | None = None
    starttls: StartTls = StartTls.OFFERED
    verify: bool = True
    ca_file: Path | None = None
    local_name: str | None = None
    messages_per_connection: int = 1_000
    deadlines: Deadlines = Deadlines()
    slow_seconds: float = 1.0
