"""What an inbox has received: counts, the last messages, files and a log."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from engine.adapters.inbox.settings import InboxSettings

_MESSAGE_ID: Final = re.compile(rb"\r\nmessage-id:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*)", re.IGNORECASE)


@dataclass(slots=True)
class Counts:
    """``accepted`` counts messages kept; one whose reply was withheld on purpose is kept, and counted as ``dropped`` besides."""

    connections: int = 0
    accepted: int = 0
    octets: int = 0
    refused_temporary: int = 0
    refused_permanent: int = 0
    dropped: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Received:
    """One message. ``number`` counts from 1; ``at`` is seconds since the epoch; ``content`` is as sent, dots unstuffed."""

    number: int
    at: float
    sender: str
    recipients: tuple[str, ...]
    content: bytes


class ReceivedMail:
    """Keeps what the settings say. Not for use by several threads."""

    def __init__(self, settings: InboxSettings) -> None:
        self.counts = Counts()
        self.last: deque[Received] = deque(maxlen=max(settings.keep, settings.keep_last, 1))
        self._settings = settings
        self._log: int | None = None
        if settings.folder is not None:
            settings.folder.mkdir(parents=True, exist_ok=True)
        if settings.log is not None:
            self._log = os.open(settings.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def keep(self, sender: str, recipients: tuple[str, ...], content: bytes, answer: str) -> Received:
        """Keep a message; it is in the log when this returns. ``answer`` is what the client is going to be told."""
        counts = self.counts
        counts.accepted += 1
        counts.octets += len(content)
        received = Received(counts.accepted, time.time(), sender, recipients, content)
        self.last.append(received)
        if self._log is not None:
            os.write(self._log, _log_lines(received, answer))
        if received.number <= self._settings.keep_first:
            self._write("first", received)
        return received

    def find(self, number: int) -> Received | None:
        """The message of that number, if it is still in memory."""
        return next((received for received in self.last if received.number == number), None)

    def close(self) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None
        for received in list(self.last)[-self._settings.keep_last :] if self._settings.keep_last else ():
            self._write("last", received)

    def _write(self, prefix: str, received: Received) -> None:
        if self._settings.folder is not None:
            path = self._settings.folder / f"{prefix}-{received.number:06}.eml"
            path.write_bytes(received.content)


def message_id(content: bytes) -> str:
    """The Message-ID as it stands in the header, or nothing."""
    end = content.find(b"\r\n\r\n")
    found = _MESSAGE_ID.search(b"\r\n" + content[: end if end >= 0 else len(content)])
    return found[1].decode("utf-8", "replace").strip() if found else ""


def recipient_hash(recipient: str) -> str:
    """How a recipient stands in the log: BLAKE2b, 8 octets in hexadecimal, of the address in lower case."""
    return blake2b(recipient.lower().encode(), digest_size=8).hexdigest()


def _log_lines(received: Received, answer: str) -> bytes:
    identity = message_id(received.content).replace("\t", " ")
    return "".join(
        f"{received.at:.6f}\t{identity}\t{recipient_hash(each)}\t{len(received.content)}\t{answer}\n"
        for each in received.recipients
    ).encode()


@dataclass(frozen=True, slots=True)
class LogLine:
    """One message for one recipient. ``answer`` is ``250``, or ``none`` when the reply was withheld."""

    at: float
    message_id: str
    recipient_hash: str
    size: int
    answer: str


def read_log(path: Path) -> list[LogLine]:
    """The log's lines, in the order of arrival; a last line cut short by a kill is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    fields = (line.split("\t") for line in lines)
    return [LogLine(float(at), identity, hashed, int(size), answer) for at, identity, hashed, size, answer in fields]
