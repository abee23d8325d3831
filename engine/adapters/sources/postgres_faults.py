"""What PostgreSQL says, in this project's words, by SQLSTATE (PostgreSQL manual, appendix A)."""

from __future__ import annotations

import re

import psycopg
import pyarrow as pa

from engine.adapters.sources.query import Query
from engine.errors import CampaignError, MailrayError, Place, ServiceError, TryAgainError

_STATE = re.compile(r"SQLSTATE: ([0-9A-Z]{5})")
_REFUSED = ("28", "3D", "42501")
_QUERY = ("42", "22", "21", "0A", "2F", "38", "39", "P0", "54")
_WRITES = "25006"
_PASSING = ("57014", "40", "53", "55")
_TOLD_REFUSED = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")


def told(fault: Exception, place: Place, query: Query, secret: str | None, prefix: int | None) -> MailrayError:
    """The fault of a statement in which the query begins after ``prefix`` characters, if that is known. ``secret`` is in no word of it."""
    state, words, offset, help = _parts(fault, prefix)
    words = words.replace(secret, "***") if secret else words
    if state == _WRITES:
        return CampaignError.single(
            "MR373",
            f"the query must be one SELECT that only reads: {words}",
            place=query.written.place(),
            help="a function in it writes",
        )
    if state.startswith(_REFUSED) or (not state and any(each in words for each in _TOLD_REFUSED)):
        return ServiceError.single(
            "MR371",
            f"the audience's database refuses us: {words}",
            place=place,
            help="look at the user, the database, and what `audience.password` refers to",
        )
    if state.startswith(_QUERY) and "snapshot" not in words:  # another server than the one whose snapshot it is
        return query.wrong(words, offset, help)
    if state.startswith((*_PASSING, *_QUERY)):
        return TryAgainError.single(
            "MR382",
            f"the audience could not be read now: {words}",
            place=place,
            help="try again; a time limit of one's own is set in the URL: ?options=-c%20statement_timeout%3D3600s",
        )
    return ServiceError.single(
        "MR370",
        f"the audience's database does not answer: {words}",
        place=place,
        help="nothing was planned; look at the host, and whether the database runs",
    )


def _parts(fault: Exception, prefix: int | None) -> tuple[str, str, int | None, str | None]:
    """SQLSTATE or an empty text, words in one line, the offset in the query, and PostgreSQL's own advice."""
    if isinstance(fault, psycopg.Error) and fault.diag.message_primary is not None:
        position = fault.diag.statement_position
        offset = None if position is None or prefix is None else int(position) - 1 - prefix
        return fault.sqlstate or "", _line(fault.diag.message_primary), offset, fault.diag.message_hint
    text = str(fault)
    found = _STATE.search(text)
    state = str(getattr(fault, "sqlstate", None) or (found[1] if found else ""))
    if isinstance(fault, pa.ArrowInvalid) and not state:
        state = "22000"
    after = text.partition("ERROR:")[2] or text.rpartition("failed: ")[2] or text
    return state, _line(after.partition("SQLSTATE")[0].rstrip(". \n")), None, None


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
