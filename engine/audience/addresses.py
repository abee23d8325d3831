"""Addresses in columns: normal form and syntax.

Nearly every address is plain, and one regular expression over the column says so. The few that are not go to a library that knows
RFC 5321, 5322 and 6531.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from email_validator import EmailNotValidError, validate_email

# A proper subset of RFC 5321's Mailbox: dot-atom@domain in ASCII, within its lengths (section 4.5.3.1).
_ATOM = r"[A-Za-z0-9_+'-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PLAIN = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z]{{2,63}}$"
LONGEST = 254
LONGEST_LOCAL_PART = r"^[^@]{1,64}@"


def normalise(addresses: pa.StringArray) -> pa.StringArray:
    """The form under which two addresses are the same recipient: without outer white space, in lower case. Nulls stay null."""
    return pc.utf8_lower(pc.utf8_trim_whitespace(addresses))


def missing(addresses: pa.StringArray) -> npt.NDArray[np.bool_]:
    """Where there is no address: null, or nothing but white space."""
    blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(addresses)), 0)
    return _mask(pc.fill_null(blank, True))


def valid(addresses: pa.StringArray) -> npt.NDArray[np.bool_]:
    """Where the address, without outer white space, is one that mail can be sent to by its syntax. A null is not."""
    trimmed = pc.utf8_trim_whitespace(addresses)
    plain = pc.and_(
        pc.and_(pc.match_substring_regex(trimmed, PLAIN), pc.match_substring_regex(trimmed, LONGEST_LOCAL_PART)),
        pc.less_equal(pc.binary_length(trimmed), LONGEST),
    )
    verdict = _mask(pc.fill_null(plain, False)).copy()
    doubtful = np.flatnonzero(~verdict & _mask(pc.fill_null(pc.match_substring(trimmed, "@"), False)))
    if len(doubtful):
        texts = trimmed.take(pa.array(doubtful)).dictionary_encode()
        known = np.array([_library_accepts(text) for text in texts.dictionary.to_pylist()], dtype=np.bool_)
        verdict[doubtful] = known[texts.indices.to_numpy()]
    return verdict


def _library_accepts(address: str) -> bool:
    try:
        # Not globally_deliverable: reserved domains are right in examples and tests, and syntax is all that is asked here.
        checked = validate_email(address, check_deliverability=False, globally_deliverable=False, strict=True)
    except EmailNotValidError:
        return False
    return "." in checked.ascii_domain if checked.ascii_domain else False


def _mask(values: pa.BooleanArray) -> npt.NDArray[np.bool_]:
    return values.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
