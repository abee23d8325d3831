"""Quoted-printable (RFC 2045 section 6.7) in fragments that can be put one behind the other.

Every fragment begins at the start of a line and ends with a line end: the text's own, or a soft one, which a decoder removes. So the
concatenation of fragments is the encoding of the concatenated texts, and what is constant in a campaign is encoded once.

Lines have at most 76 characters. No line begins with a dot, so SMTP has no dot to double, nor with ``From ``, so no mailbox file
changes it. A text's line ends, whatever they were, become CRLF.
"""

from __future__ import annotations

import binascii

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.delivery.mime.columns import Mask, TextBytes, byte_class

SOFT_BREAK = "=\r\n"
MOST_IN_LINE = 75  # and the "=" of a soft break
_EQUALS, _NEWLINE, _RETURN = b"=\n\r"
_LITERAL = {*range(33, 127), ord(" "), ord("\t")} - {_EQUALS}
_QUOTED = byte_class(set(range(256)) - _LITERAL)
_MBOX = b"From "
# Control characters are always quoted, so these two are free to mark the ends of fragments on the way.
_SOFT_END, _HARD_END = 1, 2


def encode_fragments(texts: pa.StringArray) -> pa.StringArray:
    """Each text's fragment. Most are plain and short and only get a soft break; the others are encoded all in one call."""
    view = TextBytes.of(texts)
    doubtful = view.rows_holding(_QUOTED) | (view.lengths > MOST_IN_LINE) | (view.lengths == 0) | _dangerous(view)
    fragments = pc.binary_join_element_wise(texts, SOFT_BREAK, "")
    if doubtful.any():
        mask = pa.array(doubtful)
        fragments = pc.replace_with_mask(fragments, mask, _encode(texts.filter(mask)))
    return fragments


def ending_in_return(texts: pa.StringArray) -> npt.NDArray[np.int64]:
    """The rows that end in CR: what follows them decides whether that is a line end of its own."""
    view = TextBytes.of(texts)
    if b"\r" not in view.content.tobytes():
        return np.empty(0, np.int64)
    return np.flatnonzero(view.last() == _RETURN)


def _dangerous(view: TextBytes) -> Mask:
    first = view.first()
    dangerous: Mask = first == ord(".")
    candidates = np.flatnonzero((first == ord("F")) & (view.lengths >= len(_MBOX)))
    starts = view.offsets[candidates][:, None] + np.arange(len(_MBOX))
    dangerous[candidates] = (view.content[starts] == np.frombuffer(_MBOX, np.uint8)).all(axis=1)
    return dangerous


def _encode(texts: pa.StringArray) -> pa.StringArray:
    """The fragments of any texts: they are quoted as the lines of one long text and then cut apart again."""
    lines = TextBytes.of(pc.binary_join_element_wise(_with_newlines(texts), "\n", ""))
    ends = lines.offsets[1:] - 1
    # What ends in a newline needs no soft break, nor does an empty text: before its end stands another's.
    own_break = lines.content[np.maximum(ends - 1, 0)] == _NEWLINE
    newlines = np.flatnonzero(lines.content == _NEWLINE)
    quoted = np.frombuffer(_mend(binascii.b2a_qp(lines.content.tobytes())), np.uint8).copy()
    # Of the hard line ends of the quoted text, in the order of the newlines they were, those that end a fragment.
    hard = _hard_line_ends(quoted)[np.searchsorted(newlines, ends)]
    quoted[hard] = np.where(own_break, _HARD_END, _SOFT_END)
    soft = bytes([_SOFT_END]), SOFT_BREAK.encode() + bytes([_HARD_END])
    marked = quoted.tobytes().replace(b"\n", b"\r\n").replace(*soft)
    offsets = np.zeros(len(texts) + 1, np.int32)
    offsets[1:] = np.flatnonzero(np.frombuffer(marked, np.uint8) == _HARD_END) - np.arange(len(texts))
    content = marked.translate(None, bytes([_HARD_END]))
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(content))


def _with_newlines(texts: pa.StringArray) -> pa.StringArray:
    if b"\r" not in TextBytes.of(texts).content.tobytes():
        return texts
    return pc.replace_substring(pc.replace_substring(texts, "\r\n", "\n"), "\r", "\n")


def _hard_line_ends(quoted: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    ends = np.flatnonzero(quoted == _NEWLINE)
    hard: npt.NDArray[np.int64] = ends[(ends == 0) | (quoted[ends - 1] != _EQUALS)]
    return hard


def _mend(quoted: bytes) -> bytes:
    """What ``binascii`` does not do: lines that are too long with a soft break behind them, and dangerous beginnings."""
    octets = np.frombuffer(quoted, np.uint8)
    ends = np.flatnonzero(octets == _NEWLINE)
    starts = np.concatenate([[0], ends[:-1] + 1])
    first = octets[starts]
    suspect = (ends - starts > MOST_IN_LINE) & (octets[ends - 1] != _EQUALS)
    suspect |= (first == ord(".")) | (first == ord("F"))
    pieces, done = [], 0
    for line in np.flatnonzero(suspect).tolist():
        start, end = int(starts[line]), int(ends[line])
        pieces += [quoted[done:start], _wrap(quoted[start:end])]
        done = end
    return b"".join([*pieces, quoted[done:]]) if pieces else quoted


def _wrap(line: bytes) -> bytes:
    """A quoted line, perhaps with a soft break's ``=`` at its end, in lines as they must be."""
    open_end = line.endswith(b"=")
    rest = line[:-1] if open_end else line
    wrapped = []
    while True:
        if rest.startswith((b".", _MBOX)):
            rest = b"=%02X" % rest[0] + rest[1:]
        if len(rest) <= MOST_IN_LINE:
            break
        cut = rest.rfind(b"=", MOST_IN_LINE - 2, MOST_IN_LINE)
        cut = MOST_IN_LINE if cut < 0 else cut
        wrapped.append(rest[:cut])
        rest = rest[cut:]
    return b"=\n".join([*wrapped, rest]) + (b"=" if open_end else b"")
