"""From an address to who receives its mail, by a table and without any look-up in the network.

Mailbox providers count what they are sent over all the domains that they serve, so what is sent must be counted in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

OTHER = "other"
"""Who is in no group. Each domain of these is a destination of its own when it comes to congestion."""


def parse_table(text: str) -> dict[str, str]:
    """Domains with their groups, out of lines ``group,domain``."""
    lines = (line.strip() for line in text.splitlines())
    return {domain: group for group, _, domain in (line.partition(",") for line in lines if line and line[0] != "#")}


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


class Destinations:
    """Groups by the domain of an address; a domain stands for its subdomains, the longest that is known decides."""

    def __init__(self, groups: Mapping[str, str]) -> None:
        self._groups = groups
        self.names: tuple[str, ...] = (OTHER, *sorted({*groups.values()} - {OTHER}))
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def group(self, domain: str) -> str:
        while domain:
            if domain in self._groups:
                return self._groups[domain]
            _, _, domain = domain.partition(".")
        return OTHER

    def numbers(self, addresses: pa.StringArray) -> npt.NDArray[np.uint8]:
        """Of n addresses the groups, by their number in ``names``."""
        texts = pc.utf8_lower(addresses.fill_null(""))
        domains = pc.replace_substring_regex(texts, r"^.*@\s*|\s+$", "").dictionary_encode()
        found = [self._numbers[self.group(domain)] for domain in domains.dictionary.to_pylist()]
        numbers: npt.NDArray[np.uint8] = np.array(found, np.uint8).take(domains.indices.to_numpy())
        return numbers


def with_domains(table: Mapping[str, str], own: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    """The table with a campaign's own domains by group, which count more."""
    return {**table, **{domain.lower(): group for group, domains in own for domain in domains}}
