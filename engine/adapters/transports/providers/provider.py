"""What one HTTP interface knows, without any I/O: how it is asked, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from engine.adapters.transports.providers.capabilities import Capabilities
from engine.delivery.message import Message, Outcome
from engine.errors import RefusedError


class Prepared(NamedTuple):
    """A message in the form in which the interface takes one: JSON, or the message's own octets."""

    message: Message
    payload: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. The headers may hold credentials and are never shown."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Request({len(self.body)} octets)"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply; the headers' names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Verdict = Outcome | RefusedError
"""What a reply says of a message; an error when it says that nothing is taken from us, this message neither."""


class Provider(Protocol):
    """One HTTP interface."""

    @property
    def name(self) -> str:
        """As users know it."""

    @property
    def url(self) -> str:
        """Where it takes a message."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def batch(self) -> int:
        """The most messages in a request, as it is set."""

    @property
    def doubtful(self) -> frozenset[int]:
        """Statuses that do not say whether the messages were taken."""

    def prepare(self, message: Message) -> Prepared | Outcome:
        """The message as it is asked for, or the outcome when it cannot be; nothing has been sent then."""

    def request(self, prepared: Sequence[Prepared]) -> Request:
        """The request for these messages, at least one and no more than ``batch``; the same for the same messages."""

    def read(self, reply: Reply, prepared: Sequence[Prepared]) -> Sequence[Verdict] | None:
        """What became of each message; None when all were refused because of one of several. Raises nothing: a reply that cannot be
        read is an outcome."""
