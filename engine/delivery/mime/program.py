"""A campaign's messages as one program: what is the same in all of them is made once, the rest in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.utils import format_datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.delivery.identity import boundary, message_ids
from engine.delivery.mime.addresses import wire_addresses
from engine.delivery.mime.envelope import Envelope, token_faults
from engine.delivery.mime.headers import mailboxes, subjects
from engine.delivery.mime.pieces import FragmentEncoder, mend_returns, rope_of, single_cells, texts
from engine.delivery.mime.sender import SenderHeaders, SenderIdentity
from engine.delivery.mime.wire import WireBatch
from engine.templates.rope import Rendered

PARTS = ("subject", "text", "html")
_PART = "Content-Type: text/{}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
# A text ends in a line end or a soft break. One line end more closes its last line, whichever it was; the next belongs to the delimiter.
_END_OF_PART = "\r\n\r\n"


class MessageProgram:
    """Whole messages: headers and multipart/alternative with a plain text and an HTML part, both quoted-printable UTF-8.

    A decoded part is the rendered text and one line end. ``secret`` makes Message-IDs and the boundary. With ``smtputf8`` the
    transport is said to offer RFC 6531, and local parts may be other than ASCII. Raises CampaignError when the identity holds what no
    header can.

    There is no Precedence (RFC 2076 discourages it) and no Auto-Submitted (RFC 3834 means it for answers and machine notices, and
    some receivers drop what bears it); List-Unsubscribe already keeps vacation responders quiet.
    """

    def __init__(self, identity: SenderIdentity, *, secret: bytes, smtputf8: bool = False) -> None:
        self._sender = SenderHeaders.of(identity, smtputf8)
        self._skeleton = _skeleton(self._sender, boundary(secret, identity.campaign))
        self._secret = secret
        self._smtputf8 = smtputf8
        self._encoder = FragmentEncoder()

    def materialise(self, rendered: Rendered, envelope: Envelope) -> WireBatch:
        """The messages of a rendering, whose parts are ``subject``, ``text`` and ``html``; row i is to row i of the envelope.

        A row whose values cannot stand in a header is in the result's ``errors`` and has no message; one whose rendering failed has
        no message either. The same row gives the same bytes in whatever batch it is. Raises ValueError when rows do not match, the
        date has no zone, or the campaign offers to unsubscribe and there are no tokens.
        """
        self._require(rendered, envelope)
        columns = _HeaderColumns(self._sender, self._smtputf8, envelope)
        headers = columns.join(
            texts(rendered.pool, rendered.ropes["subject"]), message_ids(self._secret, envelope.keys)
        )
        encoded = self._encoder.encode(rendered.pool)
        plain = mend_returns(rendered.pool, rendered.ropes["text"], encoded.returns, encoded.size)
        html = mend_returns(rendered.pool, rendered.ropes["html"], encoded.returns, encoded.size + len(plain.added))
        fixed = pa.array([self._opening(envelope), *self._skeleton])
        first = encoded.size + len(plain.added) + len(html.added)
        opening, before_text, before_html, end = (np.int32(first + each).tobytes() for each in range(len(fixed)))
        present = np.ones(len(envelope), np.bool_)
        present[[*rendered.errors, *columns.faults]] = False
        own = single_cells(np.arange(len(envelope), dtype=np.int32) + np.int32(first + len(fixed)), present)
        # A null cell makes the whole row null, which is a row without pieces.
        joined = pc.binary_join_element_wise(opening, own, before_text, plain.cells, before_html, html.cells, end, b"")
        rope = rope_of(joined)
        return WireBatch(
            pieces=pa.concat_arrays([*encoded.runs, plain.added, html.added, fixed, headers]),
            ids=rope.ids,
            offsets=rope.offsets,
            rows=envelope.rows,
            keys=envelope.keys,
            senders=columns.senders,
            recipients=columns.recipients,
            errors=columns.faults,
        )

    def _opening(self, envelope: Envelope) -> str:
        lines = [f"Date: {format_datetime(envelope.date)}", f"From: {self._sender.from_mailbox}"]
        if self._sender.reply_to is not None:
            lines.append(f"Reply-To: {self._sender.reply_to}")
        return "".join(f"{line}\r\n" for line in lines)

    def _require(self, rendered: Rendered, envelope: Envelope) -> None:
        if {len(envelope)} != {len(rendered.ropes[part]) for part in PARTS}:
            raise ValueError("the rendering and the envelope are of different rows")
        if envelope.date.utcoffset() is None:
            raise ValueError("the date of a message needs a zone")
        if self._sender.around_token and envelope.tokens is None:
            raise ValueError("a campaign that offers to unsubscribe needs its recipients' tokens")


class _HeaderColumns:
    """The headers that differ from row to row, and the rows that cannot have them."""

    def __init__(self, sender: SenderHeaders, smtputf8: bool, envelope: Envelope) -> None:
        self.faults: dict[int, str] = {}
        self._sender = sender
        self._envelope = envelope
        self.recipients = self._checked("address", wire_addresses(envelope.addresses, smtputf8))
        if envelope.return_paths is None:
            self.senders = pa.repeat(sender.return_path, len(envelope))
        else:
            self.senders = self._checked("return path", wire_addresses(envelope.return_paths, smtputf8))

    def join(self, rendered_subjects: pa.StringArray, ids: pa.StringArray) -> pa.StringArray:
        """Each row's own headers as one text."""
        to = self.recipients
        if self._envelope.names is not None:
            to = self._checked("name", mailboxes("To: ", self._envelope.names, self.recipients))
        subject = self._checked("subject", subjects(rendered_subjects))
        return pc.binary_join_element_wise(
            "Message-ID: <",
            ids,
            f"@{self._sender.domain}>\r\nTo: ",
            to,
            "\r\nSubject: ",
            subject,
            "\r\n",
            *self._unsubscribe(),
            "",
        )

    def _unsubscribe(self) -> Iterator[pa.StringArray | str]:
        around, tokens = self._sender.around_token, self._envelope.tokens
        if not around or tokens is None:
            return
        self._note("unsubscribe token", token_faults(tokens))
        tokens = pc.fill_null(tokens, "")
        yield around[0]
        for text in around[1:]:
            yield tokens
            yield text

    def _checked(self, what: str, outcome: tuple[pa.StringArray, dict[int, str]]) -> pa.StringArray:
        values, faults = outcome
        self._note(what, faults)
        return values

    def _note(self, what: str, faults: dict[int, str]) -> None:
        for row, reason in faults.items():
            self.faults.setdefault(row, f"{what} {reason}")


def _skeleton(sender: SenderHeaders, delimiter: str) -> Iterable[str]:
    """What stands before the text part, between the parts, and at the end."""
    one_click = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if sender.around_token else ""
    return (
        f"{one_click}Feedback-ID: {sender.feedback_id}\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative;\r\n boundary="{delimiter}"\r\n\r\n'
        f"--{delimiter}\r\n{_PART.format('plain')}",
        f"{_END_OF_PART}--{delimiter}\r\n{_PART.format('html')}",
        f"{_END_OF_PART}--{delimiter}--\r\n",
    )
