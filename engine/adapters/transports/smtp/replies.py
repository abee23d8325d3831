"""Bytes in, replies out: RFC 5321 section 4.2, with limits on what a server may make us keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from engine.adapters.transports.smtp.errors import RemoteProtocolError

LONGEST_LINE: Final = 4_096  # octets; the standard asks for 512, servers send more
LARGEST_REPLY: Final = 65_536  # octets of all lines of one reply

_CODES: Final = {b"%03d" % code: code for code in range(200, 600)}


class RawReply(NamedTuple):
    """A code and the text of each line, undecoded."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def text(self) -> str:
        """The lines as one printable line, the enhanced status code left in."""
        joined = b" ".join(self.lines).decode("utf-8", "replace").strip()
        if joined.isprintable():
            return joined
        return "".join(char if char.isprintable() else " " for char in joined)


class ReplyReader:
    """Cuts a stream of bytes into replies, however the bytes are split."""

    __slots__ = ("_kept", "_lines", "_size")

    def __init__(self) -> None:
        self._kept = b""
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def pending(self) -> bool:
        """Whether a reply has begun and not ended."""
        return bool(self._kept or self._lines)

    def feed(self, received: bytes) -> Iterator[RawReply]:
        """The replies that ``received`` completes; to be exhausted.

        Raises RemoteProtocolError for a line that is no reply line, for lines of one reply with different codes, and for
        too long a line or reply; the replies before it have been given by then.
        """
        *lines, self._kept = (self._kept + received if self._kept else received).split(b"\n")
        for line in lines:
            code = _CODES.get(line[:3])
            separator = line[3:4]
            if code is None or separator not in b" -\r":
                raise RemoteProtocolError("a line that is no SMTP reply")
            if separator != b"-" and not self._lines and len(line) <= LONGEST_LINE:
                yield RawReply(code, (line[4:-1],) if line.endswith(b"\r") else (line[4:],))
            else:
                self._keep(line)
                if separator != b"-":
                    yield self._complete(code)
        if len(self._kept) > LONGEST_LINE:
            raise RemoteProtocolError("a reply line longer than the limit")

    def _keep(self, line: bytes) -> None:
        self._size += len(line)
        if len(line) > LONGEST_LINE or self._size > LARGEST_REPLY:
            raise RemoteProtocolError("a reply larger than the limit")
        if self._lines and line[:3] != self._lines[0][:3]:
            raise RemoteProtocolError("a reply whose lines bear different codes")
        self._lines.append(line.rstrip(b"\r"))

    def _complete(self, code: int) -> RawReply:
        reply = RawReply(code, tuple(line[4:] for line in self._lines))
        self._lines = []
        self._size = 0
        return reply
