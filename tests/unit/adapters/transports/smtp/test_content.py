from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from engine.adapters.transports.smtp.content import transparent

octets = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\xc3\xa4"]), max_size=20).map(b"".join)


def unstuffed(sent: bytes) -> bytes:
    """What a server keeps, by RFC 5321 section 4.5.2 read line by line."""
    return b"".join(line.removeprefix(b".") for line in re.findall(rb".*?\r\n", sent, re.DOTALL))


@given(octets)
@example(b"\r\n")
@example(b".\r\n")
@example(b"a\r\n.\r\n")
@example(b"a\n.\n")
@example(b"a\r.\r")
@example(b"")
def test_content_is_carried_exactly_or_not_at_all(content: bytes) -> None:
    sent = transparent(content)
    if re.fullmatch(rb"(?:[^\r\n]*\r\n)+", content):
        assert sent is not None
        assert unstuffed(bytes(sent)) == content
        assert not bytes(sent).startswith(b".\r\n")
        assert b"\r\n.\r\n" not in sent
    else:
        assert sent is None


def test_safe_content_is_not_copied() -> None:
    content = b"Subject: x\r\n\r\nno dot at a line's beginning. \r\n"
    assert transparent(content) is content
    view = memoryview(content)
    assert transparent(view) is view
