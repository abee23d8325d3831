"""Where bounce mails wait: a Maildir, or a mailbox behind IMAP. A mail counts as read only when what it says is durable."""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from engine.errors import MissingInputError, RefusedError, ServiceError, UsageError

LARGEST = 4 << 20  # octets of a mail that are read; a bounce tells what it has to tell at its beginning
SECONDS = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail: ``name`` is its file or number in its mailbox."""

    name: str
    raw: bytes


class Mailbox(Protocol):
    """Mails that wait to be read."""

    def unread(self) -> Iterator[Mail]:
        """The mails that nobody has marked as read."""

    def mark_read(self, mail: Mail) -> None:
        """What the mail says is kept."""

    def close(self) -> None: ...


class Maildir:
    """https://cr.yp.to/proto/maildir.html: unread is what is in ``new``, or in ``cur`` without the flag S."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "new").is_dir() or not (folder / "cur").is_dir():
            raise MissingInputError.single(
                "MR773", f"{folder} is no Maildir", help="it needs the folders `new` and `cur`"
            )
        self._folder = folder

    def unread(self) -> Iterator[Mail]:
        for part in ("new", "cur"):
            for path in sorted((self._folder / part).iterdir()):
                if path.name.startswith(".") or (
                    part == "cur" and "S" in path.name.rpartition(":2,")[2] and ":2," in path.name
                ):
                    continue
                try:
                    with path.open("rb") as file:
                        raw = file.read(LARGEST)
                except OSError:  # taken away, or not ours to read
                    continue
                yield Mail(f"{part}/{path.name}", raw)

    def mark_read(self, mail: Mail) -> None:
        path = self._folder / mail.name
        name, _, flags = path.name.partition(":2,")
        path.rename(self._folder / "cur" / f"{name}:2,{''.join(sorted({*flags, 'S'}))}")

    def close(self) -> None:
        """Nothing is held open."""


class ImapMailbox:
    """A mailbox of RFC 3501. Unread is what has no flag \\Seen. Raises ServiceError (MR774) for whatever the server does not do."""

    def __init__(self, connection: imaplib.IMAP4) -> None:
        self._connection = connection

    @classmethod
    def open(cls, url: str, password: Callable[[], bytes]) -> ImapMailbox:
        """``imaps://user@host[:port]/MAILBOX``, or ``imap://`` with STARTTLS. Raises UsageError, RefusedError, ServiceError."""
        parts = urlsplit(url)
        host, user = parts.hostname, unquote(parts.username or "")
        if not host or not user or parts.password is not None:
            raise UsageError.single(
                "MR772", "a mailbox is written imaps://user@host/INBOX", help="its password is `--password env:NAME`"
            )
        with _told(host):
            connection = _connect(parts.scheme, host, parts.port)
            try:
                connection.login(user, password().decode())
                status, _ = connection.select(_quoted(unquote(parts.path.strip("/")) or "INBOX"))
                if status != "OK":
                    raise ServiceError.single("MR774", f"{host} has no such mailbox")
            except BaseException:
                connection.shutdown()
                raise
        return cls(connection)

    def unread(self) -> Iterator[Mail]:
        with _told(self._connection.host):
            numbers = self._connection.uid("SEARCH", "UNSEEN")[1][0].split()
        for number in numbers:
            with _told(self._connection.host):
                found = self._connection.uid("FETCH", number.decode(), f"(BODY.PEEK[]<0.{LARGEST}>)")[1]
            raw = next((each[1] for each in found if isinstance(each, tuple)), None)
            if raw is not None:
                yield Mail(number.decode(), raw)

    def mark_read(self, mail: Mail) -> None:
        with _told(self._connection.host):
            self._connection.uid("STORE", mail.name, "+FLAGS.SILENT", r"(\Seen)")

    def close(self) -> None:
        with _told(self._connection.host):
            self._connection.logout()


def _connect(scheme: str, host: str, port: int | None) -> imaplib.IMAP4:
    context = ssl.create_default_context()
    if scheme == "imaps":
        return imaplib.IMAP4_SSL(host, port or 993, ssl_context=context, timeout=SECONDS)
    connection = imaplib.IMAP4(host, port or 143, timeout=SECONDS)
    try:
        if "STARTTLS" in connection.capabilities:
            connection.starttls(context)
        elif host not in _LOOPBACK:
            raise RefusedError.single(
                "MR775", f"{host} offers no TLS, and a password is not sent without", help="use imaps://"
            )
    except BaseException:
        connection.shutdown()
        raise
    return connection


@contextmanager
def _told(host: str) -> Iterator[None]:
    """imaplib's faults in the project's words, without what the server said: it may hold addresses."""
    try:
        yield
    except ssl.SSLError as fault:
        raise ServiceError.single("MR774", f"TLS with {host} failed", help="look at its certificate") from fault
    except imaplib.IMAP4.error:
        raise ServiceError.single(
            "MR774", f"{host} refused what it was asked", help="look at user, password and mailbox"
        ) from None
    except OSError as fault:
        raise ServiceError.single("MR774", f"{host} does not answer", help="look at host and port") from fault


def _quoted(name: str) -> str:
    """A mailbox's name as a quoted string; line ends would be commands of their own."""
    return '"' + re.sub(r'(["\\])', r"\\\1", re.sub(r"[\r\n\0]", "", name)) + '"'
