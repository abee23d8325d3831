from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adapters.transports.smtp.errors import RemoteProtocolError
from engine.adapters.transports.smtp.replies import LARGEST_REPLY, LONGEST_LINE, RawReply, ReplyReader

STREAM = b"220 hello\r\n250-first\r\n250-second\r\n250 third\r\n354\r\n550 5.1.1 no\r\n"
REPLIES = [
    RawReply(220, (b"hello",)),
    RawReply(250, (b"first", b"second", b"third")),
    RawReply(354, (b"",)),
    RawReply(550, (b"5.1.1 no",)),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_replies_do_not_depend_on_how_the_bytes_are_split(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    reader = ReplyReader()
    found = [reply for a, b in pairwise(edges) for reply in reader.feed(STREAM[a:b])]
    assert found == REPLIES
    assert not reader.pending


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n",
        b"25 ok\r\n",
        b"250ok\r\n",
        b"150 ok\r\n",
        b"650 ok\r\n",
        b"\r\n",
        b"250-a\r\n251 b\r\n",
        b"\xb2\xb3\xb4 x\r\n",
    ],
)
def test_what_is_no_reply_is_refused(garbage: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        list(ReplyReader().feed(garbage))


def test_the_replies_before_garbage_are_given_first() -> None:
    found = []
    with pytest.raises(RemoteProtocolError):
        for reply in ReplyReader().feed(b"250 ok\r\nrubbish\r\n"):
            found.append(reply)
    assert found == [RawReply(250, (b"ok",))]


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    with pytest.raises(RemoteProtocolError):
        list(ReplyReader().feed(b"250 " + b"x" * LONGEST_LINE))


def test_a_long_whole_line_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        list(ReplyReader().feed(b"250 " + b"x" * LONGEST_LINE + b"\r\n"))


def test_a_reply_of_many_lines_is_not_kept_for_ever() -> None:
    reader = ReplyReader()
    with pytest.raises(RemoteProtocolError):
        for _ in range(LARGEST_REPLY):
            list(reader.feed(b"250-" + b"x" * 996 + b"\r\n"))


def test_the_text_is_one_printable_line() -> None:
    assert RawReply(550, (b"5.1.1 no", b"5.1.1 such\x1b[31m \xff")).text == "5.1.1 no 5.1.1 such [31m \ufffd"
