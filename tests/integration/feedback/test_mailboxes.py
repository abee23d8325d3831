"""Mailboxes: a mail counts as read when what it says is kept, and not before."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.adapters.feedback.mailboxes import ImapMailbox, Mailbox, Maildir
from engine.errors import MissingInputError, RefusedError, ServiceError, UsageError

MAILS = {f"{number}": b"Subject: mail %d\r\n\r\nhello\r\n" % number for number in range(1, 4)}
Open = Callable[[], Mailbox]


class Imap(socketserver.StreamRequestHandler):
    """As much of RFC 3501 as a reader of unread mail asks for."""

    seen: set[str]
    password = "secret word"

    def handle(self) -> None:
        self.reply("* OK ready")
        while line := self.rfile.readline().decode().strip():
            tag, _, command = line.partition(" ")
            self.reply(f"{tag} {self.answer(command)}")

    def answer(self, command: str) -> str:
        verb = " ".join(command.upper().split()[: 2 if command.upper().startswith("UID") else 1])
        if verb == "CAPABILITY":
            self.reply("* CAPABILITY IMAP4REV1")
        elif verb == "LOGIN" and self.password not in command:
            return "NO no"
        elif verb == "SELECT":
            if "INBOX" not in command:
                return "NO no such mailbox"
            self.reply("* 3 EXISTS")
        elif verb == "UID SEARCH":
            self.reply("* SEARCH " + " ".join(each for each in MAILS if each not in self.seen))
        elif verb == "UID FETCH":
            number = command.split()[2]
            assert "BODY.PEEK" in command
            self.reply(f"* {number} FETCH (UID {number} BODY[]<0> {{{len(MAILS[number])}}}")
            self.wfile.write(MAILS[number])
            self.reply(")")
        elif verb == "UID STORE":
            self.seen.add(re.split(r"\s+", command)[2])
        return "OK done"

    def reply(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def imap() -> Iterator[int]:
    handler = type("Handler", (Imap,), {"seen": set()})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(params=["maildir", "imap"])
def open_box(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "imap":
        port = request.getfixturevalue("imap")
        return lambda: ImapMailbox.open(f"imap://me%40example.com@127.0.0.1:{port}/INBOX", lambda: b"secret word")
    for folder in ("new", "cur", "tmp"):
        (tmp_path / folder).mkdir()
    for name, raw in MAILS.items():
        (tmp_path / "new" / name).write_bytes(raw)
    return lambda: Maildir(tmp_path)


def test_unread_until_it_is_marked(open_box: Open) -> None:
    with closing(open_box()) as box:
        assert [each.raw for each in box.unread()] == list(MAILS.values())
    with closing(open_box()) as box:
        first, second, _ = box.unread()
        box.mark_read(second)
    with closing(open_box()) as box:
        assert [each.raw for each in box.unread()] == [MAILS["1"], MAILS["3"]]
    assert first != second


def test_marked_while_they_are_read(open_box: Open) -> None:
    with closing(open_box()) as box:
        for each in box.unread():
            box.mark_read(each)
        assert list(box.unread()) == []


def test_flags_of_a_maildir_stay(tmp_path: Path) -> None:
    for folder in ("new", "cur"):
        (tmp_path / folder).mkdir()
    (tmp_path / "cur" / "1:2,FR").write_bytes(b"x")
    (tmp_path / "cur" / "2:2,S").write_bytes(b"x")
    box = Maildir(tmp_path)
    (mail,) = box.unread()
    box.mark_read(mail)
    assert sorted(path.name for path in (tmp_path / "cur").iterdir()) == ["1:2,FRS", "2:2,S"]


def test_what_is_no_maildir(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="MR773"):
        Maildir(tmp_path)


def test_a_wrong_password_is_told_without_it(imap: int) -> None:
    with pytest.raises(ServiceError, match="MR774") as told:
        ImapMailbox.open(f"imap://me@127.0.0.1:{imap}/INBOX", lambda: b"wrong word")
    assert "wrong word" not in str(told.value)


def test_no_such_mailbox(imap: int) -> None:
    with pytest.raises(ServiceError, match="MR774"):
        ImapMailbox.open(f"imap://me@127.0.0.1:{imap}/Elsewhere", lambda: b"secret word")


def test_nobody_answers() -> None:
    with pytest.raises(ServiceError, match="MR774"):
        ImapMailbox.open("imap://me@127.0.0.1:9/INBOX", lambda: b"secret word")


@pytest.mark.parametrize("url", ["imaps://host/INBOX", "imaps://me:secret@host/INBOX", "imaps:///INBOX"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(UsageError, match="MR772"):
        ImapMailbox.open(url, lambda: b"secret word")


def test_a_password_is_not_sent_without_tls(imap: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.adapters.feedback.mailboxes._LOOPBACK", frozenset())
    with pytest.raises(RefusedError, match="MR775"):
        ImapMailbox.open(f"imap://me@127.0.0.1:{imap}/INBOX", lambda: b"secret word")
