"""Addresses as they go on the wire: ``dot-atom@domain`` (RFC 5321 section 4.1.2), the domain in ASCII.

An address that is written otherwise is not mailed: a quoted local part, a comment or a list would reach the headers and the SMTP
commands as it is, and there mean more than one address.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.delivery.mime.columns import HeaderError, TextBytes, replace_distinct
from engine.delivery.mime.headers import refuse_forbidden

LONGEST = 254  # octets, RFC 5321 section 4.5.3.1.3 without the brackets
LONGEST_LOCAL_PART = 64
LONGEST_DOMAIN = 253
LONGEST_LABEL = 63
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
_DOT_ATOM = rf"{_ATOM}(?:\.{_ATOM})*"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_PLAIN = rf"^{_DOT_ATOM}@{_DOMAIN}$"  # for RE2, where $ is the end of the text and nothing else
_ASCII_LOCAL_PART = re.compile(_DOT_ATOM)
_ASCII_DOMAIN = re.compile(_DOMAIN)


def wire_addresses(addresses: pa.StringArray, smtputf8: bool) -> tuple[pa.StringArray, dict[int, str]]:
    """``wire_address`` in columns: the addresses, and the rows at fault with the reason. A null is at fault."""
    addresses = pc.fill_null(addresses, "")
    # Up to 64 octets no limit on a part can be exceeded.
    plain = pc.match_substring_regex(addresses, _PLAIN).to_numpy(zero_copy_only=False)
    plain &= TextBytes.of(addresses).lengths <= np.int32(LONGEST_LABEL + 1)
    return replace_distinct(addresses, ~plain, lambda address: wire_address(address, smtputf8))


def wire_address(address: str, smtputf8: bool) -> str:
    """The address for headers and SMTP commands. Raises HeaderError.

    Without ``smtputf8`` (RFC 6531) a local part that is not ASCII cannot be sent to; a domain that is not becomes its IDNA form.
    """
    refuse_forbidden(address)
    local, at, domain = address.rpartition("@")
    if not at:
        raise HeaderError("is no address")
    if len(address) > LONGEST:
        raise HeaderError("is too long")
    wire = f"{_wire_local_part(local, smtputf8)}@{wire_domain(domain)}"
    if len(wire.encode()) > LONGEST or len(wire.rpartition("@")[0].encode()) > LONGEST_LOCAL_PART:
        raise HeaderError("is too long")
    return wire


@lru_cache(maxsize=4096)
def wire_domain(domain: str) -> str:
    """The domain in ASCII (IDNA 2008 with UTS 46's mapping). Raises HeaderError."""
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True, std3_rules=True).decode()
    except idna.IDNAError as error:
        raise HeaderError("has a domain that is no internationalised name") from error
    if not _ASCII_DOMAIN.fullmatch(ascii_domain):
        raise HeaderError("has a domain that is no host name")
    if len(ascii_domain) > LONGEST_DOMAIN or max(map(len, ascii_domain.split("."))) > LONGEST_LABEL:
        raise HeaderError("is too long")
    return ascii_domain


def _wire_local_part(local: str, smtputf8: bool) -> str:
    if not local.isascii():
        if not smtputf8:
            raise HeaderError("has a local part that is not ASCII, which the transport does not offer to take")
        if any(unicodedata.category(character)[0] in "CZ" for character in local):
            raise HeaderError("has a local part with white space or invisible characters")
    # Beyond ASCII every character that is left is text like a letter (RFC 6532 section 3.2).
    if not _ASCII_LOCAL_PART.fullmatch("".join(each if each.isascii() else "x" for each in local)):
        raise HeaderError("is no plain address")
    return unicodedata.normalize("NFC", local)
