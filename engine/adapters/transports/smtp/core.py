"""An SMTP client without a connection: commands to bytes, bytes to replies, and the state table between them.

In the manner of h11: whoever owns the socket writes what ``send`` returns and gives ``receive`` what it read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from engine.adapters.transports.smtp.capabilities import NO_CAPABILITIES, Capabilities
from engine.adapters.transports.smtp.errors import LocalProtocolError, RemoteProtocolError
from engine.adapters.transports.smtp.replies import RawReply, ReplyReader
from engine.adapters.transports.smtp.states import LAST_IN_GROUP, SENDABLE, SERVICE_CLOSING, TABLE, State, Verb


class Reply(NamedTuple):
    """A server's answer to ``verb``; None stands for a 421 that nothing had asked for."""

    verb: Verb | None
    code: int
    raw: RawReply

    @property
    def refused(self) -> bool:
        return self.code >= 400


class Command(NamedTuple):
    """What to send: a line with its CRLF, or the final dot."""

    verb: Verb
    line: bytes


class Core:
    """One connection's protocol state.

    ``state`` is where the server's replies put it; what is sent is checked against the state it will have if every command that is
    under way succeeds.
    """

    __slots__ = ("_assumed", "_awaited", "_reader", "capabilities", "state")

    def __init__(self) -> None:
        self.state = State.OPENING
        self.capabilities: Capabilities = NO_CAPABILITIES
        self._assumed = State.OPENING
        self._awaited: deque[Verb] = deque((Verb.GREETING,))
        self._reader = ReplyReader()

    @property
    def awaited(self) -> int:
        """How many replies are owed to us."""
        return len(self._awaited)

    def send(self, commands: Iterable[Command]) -> bytes:
        """The bytes of a group of commands. Raises LocalProtocolError when one may not be sent now."""
        awaited = self._awaited
        parts = []
        for verb, line in commands:
            assumed = SENDABLE.get((self._assumed if awaited else self.state, verb))
            if assumed is None:
                raise LocalProtocolError(f"{verb} may not be sent in state {self._assumed}")
            if awaited and (awaited[-1] in LAST_IN_GROUP or not self.capabilities.pipelining):
                raise LocalProtocolError(f"{verb} may not be sent before {awaited[-1]} is answered")
            self._assumed = assumed
            awaited.append(verb)
            parts.append(line)
        return b"".join(parts)

    def receive(self, received: bytes) -> Iterator[Reply]:
        """The replies that ``received`` completes, each with the command it answers; to be exhausted.

        Raises RemoteProtocolError for what is no reply, answers nothing, or answers out of place; the replies before it have been given
        by then. Plaintext behind the reply to STARTTLS is such a fault: it would be taken for the secured server's (CVE-2011-0411).
        """
        for raw in self._reader.feed(received):
            self._refuse_injection()
            yield self._match(raw)
        if self._reader.pending:
            self._refuse_injection()

    def _refuse_injection(self) -> None:
        if self.state is State.SECURING:
            raise RemoteProtocolError("plaintext after STARTTLS")

    def secured(self) -> None:
        """The TLS handshake is done: what the server said before counts no more (RFC 3207 section 4.2)."""
        if self.state is not State.SECURING:
            raise LocalProtocolError(f"no handshake is due in state {self.state}")
        self.state = self._assumed = State.GREETED
        self.capabilities = NO_CAPABILITIES

    def _match(self, raw: RawReply) -> Reply:
        if not self._awaited:
            if raw.code != SERVICE_CLOSING:
                raise RemoteProtocolError(f"a reply {raw.code} that answers nothing")
            self.state = State.CLOSED
            return Reply(None, raw.code, raw)
        verb = self._awaited.popleft()
        if raw.code == SERVICE_CLOSING:
            self.state = State.CLOSED
        else:
            after = TABLE.get((self.state, verb), _NOWHERE).get(raw.code // 100)
            if after is None:
                raise RemoteProtocolError(f"a reply {raw.code} to {verb}")
            self.state = after
            if verb is Verb.EHLO and after is State.READY:
                self.capabilities = Capabilities.parse(raw.lines)
        return Reply(verb, raw.code, raw)


_NOWHERE: Final[dict[int, State]] = {}
