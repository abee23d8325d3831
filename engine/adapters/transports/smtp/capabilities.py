"""What a server says it can do: the lines of its reply to EHLO (RFC 5321 section 4.1.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The service extensions that change what we send. ``largest`` is octets a message, None for no limit (RFC 1870)."""

    pipelining: bool = False
    starttls: bool = False
    eight_bit: bool = False
    utf8: bool = False
    size: bool = False
    largest: int | None = None
    mechanisms: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, lines: Sequence[bytes]) -> Self:
        """The capabilities in a reply's lines, the first of which is the server's name. An ill-formed one counts as absent."""
        offered: dict[str, list[str]] = {}
        for line in lines[1:]:
            # `AUTH=PLAIN` is the form of servers older than RFC 2554.
            keyword, *parameters = line.decode("ascii", "replace").upper().replace("AUTH=", "AUTH ", 1).split() or [""]
            offered.setdefault(keyword, []).extend(parameters)
        limit = offered.get("SIZE", [])
        return cls(
            pipelining="PIPELINING" in offered,
            starttls="STARTTLS" in offered,
            eight_bit="8BITMIME" in offered,
            utf8="SMTPUTF8" in offered,
            size="SIZE" in offered,
            largest=int(limit[0]) or None if limit and limit[0].isdecimal() and limit[0].isascii() else None,
            mechanisms=frozenset(offered.get("AUTH", [])),
        )


NO_CAPABILITIES: Final = Capabilities()
