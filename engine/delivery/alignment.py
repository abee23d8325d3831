"""Whether receivers will believe that a domain's mail is its own: SPF, DKIM, DMARC and where bounces go. Pure, over what the DNS says."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MOST_LOOKUPS = 10  # RFC 7208 section 4.6.4
MOST_LABELS = 8  # RFC 9989 section 4.10: a longer name is cut to seven


class Names(Protocol):
    """The DNS. What is not there is empty; raises ServiceError (MR756) when nobody answers."""

    def texts(self, name: str) -> list[str]:
        """TXT records, the strings of each joined."""

    def exchanges(self, name: str) -> list[str]:
        """The hosts of MX records; the empty one is a null MX (RFC 7505)."""

    def addresses(self, name: str) -> list[str]:
        """A and AAAA records."""

    def pointers(self, address: str) -> list[str]:
        """The names that an address says it has: PTR records."""


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Remark:
    """What was found, and what to do about it."""

    level: Level
    detail: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Dmarc:
    """A valid record and where it stands."""

    domain: str
    tags: Mapping[str, str]


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower().rstrip(".")


def look_at_spf(names: Names, domain: str) -> Remark:
    """Whether the domain of the envelope's sender says who may send for it (RFC 7208)."""
    records = spf_records(names, domain)
    if len(records) != 1:
        what = "no SPF record" if not records else f"{len(records)} SPF records, which count as none"
        return Remark(Level.FAIL, f"{domain} has {what}", "one TXT record, `v=spf1 include:RELAY -all`")
    lookups = _lookups(names, domain, set())
    if lookups > MOST_LOOKUPS:
        return Remark(
            Level.FAIL, f"the SPF record of {domain} takes {lookups} lookups; 10 are allowed", "name fewer others in it"
        )
    ends = [term for term in records[0].lower().split() if term.lstrip("+-~?") == "all"]
    if ends and ends[0] in ("all", "+all"):
        return Remark(Level.FAIL, f"the SPF record of {domain} lets everybody send", "end it with -all or ~all")
    if not ends and "redirect=" not in records[0].lower():
        return Remark(Level.WARN, f"the SPF record of {domain} forbids nobody to send", "end it with -all or ~all")
    return Remark(Level.OK, f"{domain} has an SPF record of {lookups} lookups")


def look_at_dkim(names: Names, domain: str, selector: str, public: bytes) -> Remark:
    """Whether the public half of the key that signs stands where receivers look for it (RFC 6376 section 3.6.1)."""
    name = f"{selector}._domainkey.{domain}"
    records = [_tags(text) for text in names.texts(name) if "p=" in text.replace(" ", "")]
    if len(records) != 1:
        what = f"{len(records)} keys, which count as none" if records else "no key"
        return Remark(Level.FAIL, f"{name} has {what}", "publish the public half of `delivery.dkim.key` there, as TXT")
    published = records[0].get("p", "")
    if not published:
        return Remark(Level.FAIL, f"the key at {name} was withdrawn", "publish one, or sign with another selector")
    try:
        same = b64decode("".join(published.split()), validate=True) == public
    except binascii.Error:
        same = False
    if not same:
        return Remark(Level.FAIL, f"the key at {name} is not that of `delivery.dkim.key`", "publish its public half")
    if "y" in records[0].get("t", "").split(":"):
        return Remark(Level.WARN, f"the key at {name} is marked as a test (t=y)", "take t=y out: receivers ignore it")
    return Remark(Level.OK, f"{name} has the public half of the key that signs")


def look_at_dmarc(names: Names, domain: str) -> Remark:
    """Whether there is a DMARC policy for the From address's domain, found as receivers find it (RFC 9989 section 4.10)."""
    found = list(walk(names, domain))
    record = next((each for each in found if each.domain == domain), None)
    organization = organizational(found, domain)
    if record is None:
        record = next((each for each in found if each.domain == organization), found[-1] if found else None)
    if record is None:
        return Remark(
            Level.FAIL,
            f"{domain} has no DMARC record",
            f"a TXT record at _dmarc.{organization}, `v=DMARC1; p=none` at least",
        )
    policy = record.tags.get("p", "none")
    if record.domain != domain:
        policy = record.tags.get("sp", policy)
    return Remark(Level.OK, f"{domain} has the DMARC policy {policy}, from _dmarc.{record.domain}")


def look_at_alignment(names: Names, sender: str, envelope: str, signer: str | None) -> Remark:
    """Whether what passes SPF or DKIM is of the From address's organization; ``signer`` is the d= of our signature, if any."""
    found = list(walk(names, sender))
    tags = next((each.tags for each in found if each.domain == sender), found[-1].tags if found else {})
    ours = organizational(found, sender)

    def aligned(other: str, strict: bool) -> bool:
        return other == sender or (not strict and organizational(list(walk(names, other)), other) == ours)

    by = [
        name
        for name, other, mode in (("DKIM", signer, "adkim"), ("SPF", envelope, "aspf"))
        if other is not None and aligned(other, tags.get(mode, "r").lower() == "s")
    ]
    if not by:
        return Remark(
            Level.FAIL,
            f"neither the signature nor the return path is of {sender}",
            "sign for the From domain (`delivery.dkim`), and give `delivery.return_path` an address of it",
        )
    if by == ["SPF"]:
        return Remark(
            Level.WARN,
            f"{sender} is aligned by SPF alone",
            "sign too: a message that is forwarded keeps its signature only",
        )
    return Remark(Level.OK, f"{sender} is aligned by {' and '.join(by)}")


def look_at_return_path(names: Names, domain: str) -> Remark:
    """Whether bounces have somewhere to go (RFC 5321 section 5.1, RFC 7505)."""
    hosts = names.exchanges(domain)
    if hosts == [""]:
        return Remark(Level.FAIL, f"{domain} accepts no mail (null MX), so bounces are lost", "another return path")
    if not hosts and not names.addresses(domain):
        return Remark(Level.FAIL, f"{domain} has neither MX nor address, so bounces are lost", "an MX record")
    if not hosts:
        return Remark(Level.WARN, f"{domain} has no MX; its address takes its mail", "an MX record")
    return Remark(Level.OK, f"bounces go to {hosts[0]}")


def walk(names: Names, domain: str) -> Iterator[Dmarc]:
    """The DNS tree walk: the valid DMARC records from a domain upward, no more than eight names being asked for."""
    name = domain
    while name:
        records = [tags for text in names.texts(f"_dmarc.{name}") if (tags := _tags(text)).get("v") == "DMARC1"]
        if len(records) == 1:
            yield Dmarc(name, records[0])
            if records[0].get("psd", "").lower() in ("y", "n"):
                return
        labels = name.split(".")
        name = ".".join(labels[-(MOST_LABELS - 1) :] if len(labels) > MOST_LABELS else labels[1:])


def organizational(found: list[Dmarc], domain: str) -> str:
    """The organizational domain by the records of a tree walk (RFC 9989 section 4.10.2); without any it is the domain itself."""
    if not found:
        return domain
    top = found[-1]
    if top.tags.get("psd", "").lower() == "y" and top.domain != domain:
        below = domain.removesuffix(f".{top.domain}").split(".")[-1]
        return f"{below}.{top.domain}"
    return top.domain


def spf_records(names: Names, domain: str) -> list[str]:
    """The texts that are SPF records; more than one count as none (RFC 7208 section 4.5)."""
    return [text for text in names.texts(domain) if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def _lookups(names: Names, domain: str, seen: set[str]) -> int:
    """The names that a receiver must ask for, those of included records among them; it stops counting at what is too much."""
    if domain in seen or len(seen) > MOST_LOOKUPS:
        return 0
    seen.add(domain)
    count = 0
    for term in [term for record in spf_records(names, domain)[:1] for term in record.lower().split()[1:]]:
        mechanism = term.lstrip("+-~?")
        kind = mechanism.partition(":")[0].partition("/")[0].partition("=")[0]
        if kind in ("a", "mx", "ptr", "exists", "include", "redirect"):
            count += 1
        if kind in ("include", "redirect"):
            count += _lookups(names, mechanism[len(kind) + 1 :], seen)
    return count


def _tags(text: str) -> dict[str, str]:
    """A tag list (RFC 6376 section 3.2)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
