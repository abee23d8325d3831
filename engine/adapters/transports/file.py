"""The ``file`` transport: messages as files, for looking at and for other programs.

``file:///folder`` writes one ``<delivery key>.eml`` a message: under another name first, then renamed, so that whoever
lists the folder never sees half a message, and a message sent twice is one file. ``file:///path/all.mbox`` appends to an
mbox (the mboxrd form, LF line ends) under a lock. Neither syncs the disk: a killed process loses nothing that was
accepted, a power cut may.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import SplitResult, unquote

from engine.adapters.transports.kind import TransportKind, malformed
from engine.adapters.transports.settings import TransportSettings
from engine.delivery.doubts import Evidence, Nobody, Witness
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.transport import Feed
from engine.errors import CannotCreateError, ServiceError

_FROM_LINE: Final = re.compile(rb"^(>*From )", re.MULTILINE)


class _Writer(Protocol):
    """Two steps: ``prepare`` is harmless, ``commit`` is the point of no return and ``discard`` the way back."""

    def prepare(self, message: Message) -> None: ...
    def commit(self, message: Message) -> str: ...
    def discard(self, message: Message) -> None: ...


class Folder:
    """One file a message."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def prepare(self, message: Message) -> None:
        self._unfinished(message).write_bytes(message.content)

    def commit(self, message: Message) -> str:
        name = f"{message.key.hex()}.eml"
        self._unfinished(message).rename(self._folder / name)
        return name

    def discard(self, message: Message) -> None:
        self._unfinished(message).unlink(missing_ok=True)

    def _unfinished(self, message: Message) -> Path:
        return self._folder / f".{message.key.hex()}.{os.getpid()}.unfinished"


class Mbox:
    """All messages in one file (RFC 4155, with the reversible quoting of mboxrd)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def prepare(self, message: Message) -> None:
        """Nothing: an mbox has no place for what is unfinished."""

    def commit(self, message: Message) -> str:
        quoted = _FROM_LINE.sub(rb">\1", bytes(message.content).replace(b"\r\n", b"\n"))
        entry = f"From {message.sender or 'MAILER-DAEMON'} {_asctime()}\n".encode() + quoted + b"\n"
        with self._path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = file.seek(0, os.SEEK_END)
            try:
                written = file.write(entry)
                if written != len(entry):
                    raise OSError(f"{written} of {len(entry)} octets written")
            except OSError:
                file.truncate(before)
                raise
        return str(before)

    def discard(self, message: Message) -> None:
        """Nothing was prepared."""


class FileTransport:
    def __init__(self, writer: _Writer) -> None:
        self._writer = writer

    async def session(self, feed: Feed) -> None:
        while (message := await feed.next()) is not None:
            await self._deliver(message, feed)
            await asyncio.sleep(0)  # writing never waits, and other sessions want their turn

    async def _deliver(self, message: Message, feed: Feed) -> None:
        outcome: Outcome | None = None
        try:
            self._writer.prepare(message)
            if await feed.intent(message):
                outcome = self._commit(message)
        except OSError as error:
            raise ServiceError.single("MR721", f"cannot write a message: {error.strerror or error}") from error
        finally:
            if outcome is None:
                self._writer.discard(message)
                feed.release(message)
            else:
                feed.outcome(message, outcome)

    def _commit(self, message: Message) -> Outcome:
        try:
            return Outcome(OutcomeClass.ACCEPTED, remote_id=self._writer.commit(message))
        except OSError as error:
            return Outcome(OutcomeClass.DEFERRED, detail=f"cannot write: {error.strerror or error}")


class FolderInquiry:
    """A message that was committed is a file under its key's name."""

    remembers = 0

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, keys: Sequence[bytes]) -> Mapping[bytes, Evidence]:
        names = {key: f"{key.hex()}.eml" for key in keys}
        return {
            key: Evidence("file", "it is in the folder", name)
            for key, name in names.items()
            if (self._folder / name).exists()
        }


def _asctime() -> str:
    return time.asctime(time.gmtime())


def open_file(url: SplitResult, settings: TransportSettings) -> FileTransport:  # noqa: ARG001 - a file has no settings
    """Raises UsageError for a URL with a host or without a path, and CannotCreateError."""
    path = _path_of(url)
    try:
        return FileTransport(Mbox(path) if path.suffix == ".mbox" else Folder(path))
    except OSError as error:
        raise CannotCreateError.single("MR722", f"cannot create {path}: {error.strerror or error}") from error


def inquire_file(url: SplitResult, settings: TransportSettings) -> Witness:  # noqa: ARG001 - a file has no settings
    """An mbox does not name its messages by their keys. Raises UsageError."""
    path = _path_of(url)
    return Nobody() if path.suffix == ".mbox" else FolderInquiry(path)


def _path_of(url: SplitResult) -> Path:
    if url.netloc not in ("", "localhost") or not url.path.startswith("/") or url.query or url.fragment:
        raise malformed(url, "no absolute path, or more than one", "file:///folder or file:///path/all.mbox")
    return Path(unquote(url.path))


KIND: Final = TransportKind(
    name="file",
    schemes=("file",),
    example="file:///tmp/mail",
    summary="write messages to a folder, or to an mbox",
    open=open_file,
    inquire=inquire_file,
)
