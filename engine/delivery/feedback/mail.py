"""A mail's parts, however broken it is. Nothing here raises for what a stranger wrote."""

from __future__ import annotations

import email
import html
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header
from email.message import Message

ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\U0010ffff]+@[A-Za-z0-9\u0080-\U0010ffff-]+(?:\.[A-Za-z0-9\u0080-\U0010ffff-]+)*"
)
_TAG = re.compile(r"<(?:style|script)\b.*?</(?:style|script)>|<[a-z/!][^>]*>", re.IGNORECASE | re.DOTALL)
_LINE_TAG = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d)\b[^>]*>", re.IGNORECASE)
_REPLY = re.compile(r"(?<![\d.#-])[45][0-5]\d[ \-#:]")  # RFC 5321 section 4.2
MOST_PARTS = 100  # a bounce has three or four


def parse(raw: bytes) -> Message:
    """The mail; one that cannot be parsed at all (nested without end) has its headers only. Blank lines before it count for nothing."""
    raw = raw.lstrip()
    try:
        return email.message_from_bytes(raw)
    except (RecursionError, ValueError, LookupError):
        return email.message_from_bytes(raw.partition(b"\n\n")[0].replace(b"multipart", b"text"))


def parts(message: Message) -> Iterator[Message]:
    """The message and what is in it, depth first; a mail within the mail too."""
    left = [message]
    for _ in range(MOST_PARTS):
        if not left:
            return
        part = left.pop()
        yield part
        payload = part.get_payload()
        if isinstance(payload, list):
            left.extend(reversed([each for each in payload if isinstance(each, Message)]))


def header(message: Message, name: str) -> str:
    """A header's text, unfolded and decoded; empty when there is none."""
    value = message.get(name)
    if value is None:
        return ""
    try:
        text = "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "latin-1", "replace")
            for piece, charset in decode_header(str(value))
        )
    except (ValueError, LookupError, MessageError):
        text = str(value)
    return " ".join(text.split())


def text_of(part: Message) -> str:
    """A text part's text; HTML without its tags."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        text = payload.decode(str(part.get_content_charset() or "utf-8"), "replace")
    except (LookupError, ValueError):
        text = payload.decode("utf-8", "replace")
    if part.get_content_type() == "text/html":
        text = html.unescape(_TAG.sub(" ", _LINE_TAG.sub("\n", text)))
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")


def answers(text: str) -> str:
    """The paragraphs of a text that hold a server's reply."""
    return "\n\n".join(each for each in re.split(r"\n[ \t]*\n", text) if _REPLY.search(each))


def addresses(text: str) -> list[str]:
    """The addresses in a text, each once, in their order."""
    found = (each.strip("'`.=").removeprefix("mailto:").removeprefix("SMTP=") for each in ADDRESS.findall(text))
    return list(dict.fromkeys(each for each in found if "@" in each.strip("@")))
