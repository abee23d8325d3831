"""Header values (RFC 5322, RFC 2047).

A value is either plain as a whole or encoded as a whole: where encoded words and plain text meet, readers disagree on the white space.
A plain value is folded at white space that it has. An encoded one is folded between its words, each of at most 75 characters.
"""

from __future__ import annotations

import binascii
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.delivery.mime.columns import HeaderError, Mask, TextBytes, byte_class, replace_distinct

FOLD = "\r\n "
MOST_IN_LINE = 76  # of a line with encoded words; RFC 5322 asks for 78 of any other
MOST_IN_ANY_LINE = 998
SUBJECT = "Subject: "
# No header takes these: they end a line, or some reader takes them to.
FORBIDDEN = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")
_WORD_START, _WORD_END = "=?utf-8?b?", "?="
_BREAKABLE_SPACE = re.compile(r"(?<=[^ ]) (?=[^ ])")
_PRINTABLE = set(range(0x20, 0x7F))
# "=" may begin something that looks like an encoded word.
_DOUBTFUL_IN_TEXT = byte_class(set(range(256)) - _PRINTABLE | {ord("=")})
_DOUBTFUL_IN_NAME = byte_class(set(range(256)) - _PRINTABLE | set(b'="\\'))


def refuse_forbidden(value: str) -> None:
    """Raises HeaderError for a value with a control character or a line or paragraph separator."""
    if FORBIDDEN.search(value):
        raise HeaderError("holds a control character or a line end")


def encoded_words(value: str, taken: int) -> str:
    """``value`` in base64 encoded words, no character torn apart; ``taken`` characters stand before it in its first line."""
    raw = value.encode()
    room = (MOST_IN_LINE - taken - len(_WORD_START + _WORD_END)) // 4 * 3
    words, start = [], 0
    while start < len(raw):
        end = min(start + room, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        words.append(_WORD_START + binascii.b2a_base64(raw[start:end], newline=False).decode() + _WORD_END)
        start, room = end, (MOST_IN_LINE - 1 - len(_WORD_START + _WORD_END)) // 4 * 3
    return FOLD.join(words)


def subject(value: str) -> str:
    """A Subject's value, folded (unstructured, RFC 5322 section 3.6.5). Raises HeaderError."""
    refuse_forbidden(value)
    # Readers drop white space at the ends of a plain value.
    return _folded(value if value == value.strip(" ") else None, value, len(SUBJECT))


def phrase(value: str, taken: int) -> str:
    """A display name, folded: a quoted string if it is ASCII (RFC 5322 section 3.2.5). Raises HeaderError."""
    refuse_forbidden(value)
    return _folded('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"', value, taken)


def _folded(plain: str | None, value: str, taken: int) -> str:
    """``plain`` if it can stand in a header as it is, else ``value`` encoded."""
    if plain is not None and plain.isascii() and "=?" not in plain:
        folded = _fold(plain, taken)
        if max(map(len, folded.split("\r\n"))) + taken <= MOST_IN_ANY_LINE:
            return folded
    return encoded_words(value, taken)


def subjects(values: pa.StringArray) -> tuple[pa.StringArray, dict[int, str]]:
    """``subject`` in columns: the values, and the rows at fault with the reason."""
    view = TextBytes.of(values)
    doubtful = _doubtful(view, _DOUBTFUL_IN_TEXT, MOST_IN_LINE - len(SUBJECT))
    doubtful |= (view.first() == ord(" ")) | (view.last() == ord(" "))
    return replace_distinct(values, doubtful, subject)


def mailboxes(field: str, names: pa.StringArray, addresses: pa.StringArray) -> tuple[pa.StringArray, dict[int, str]]:
    """``"Name" <address>`` where there is a name, else ``address``; and the rows whose name is at fault, with the reason.

    ``field`` is the header's beginning (``To: ``); the addresses have been checked. Outer spaces of a name are dropped.
    """
    taken = len(field)
    names = pc.utf8_trim(pc.fill_null(names, ""), " ")
    view = TextBytes.of(names)
    doubtful = _doubtful(view, _DOUBTFUL_IN_NAME, MOST_IN_LINE - taken - len('""'))
    phrases, faults = replace_distinct(names, doubtful, lambda name: phrase(name, taken))
    phrases = pc.if_else(pa.array(doubtful), phrases, pc.binary_join_element_wise('"', names, '"', ""))
    length = pc.add(pc.binary_length(phrases), pc.binary_length(addresses))
    fits = pc.less_equal(length, MOST_IN_LINE - taken - len(" <>"))
    named = pc.binary_join_element_wise(phrases, pc.if_else(fits, " <", FOLD + "<"), addresses, ">", "")
    nameless = view.lengths == 0
    return (pc.if_else(pa.array(nameless), addresses, named) if nameless.any() else named), faults


def _doubtful(view: TextBytes, members: bytes, most: int) -> Mask:
    return view.rows_holding(members) | (view.lengths > np.int32(most))


def _fold(value: str, taken: int) -> str:
    if taken + len(value) <= MOST_IN_LINE:
        return value
    lines: list[str] = []
    line, room = "", MOST_IN_LINE - taken
    for word in _BREAKABLE_SPACE.split(value):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, MOST_IN_LINE - 1
        else:
            line = f"{line} {word}" if line else word
    return FOLD.join([*lines, line])
