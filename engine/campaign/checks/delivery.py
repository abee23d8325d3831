"""Rules about who sends, how, and what the law asks of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import SplitResult, urlsplit

import idna
from email_validator import EmailNotValidError, validate_email

from engine.campaign.document import Document, KeyPath, dotted
from engine.errors import Diagnostic, did_you_mean

_PROVIDERS = ("postmark", "resend", "sendgrid", "ses")
TRANSPORT_SCHEMES = (
    "file",
    "rehearsal",
    "smtp",
    "smtps",
    *_PROVIDERS,
    *(f"{scheme}+{name}" for name in (*_PROVIDERS, "webhook") for scheme in ("http", "https")),
)
_ADDRESSES: tuple[KeyPath, ...] = (
    ("delivery", "from", "address"),
    ("delivery", "reply_to"),
    ("delivery", "return_path"),
    ("delivery", "unsubscribe", "mailto"),
)
_HEADER_TEXTS: tuple[KeyPath, ...] = (("delivery", "from", "name"), ("delivery", "unsubscribe", "url"))
_SECRETS: tuple[KeyPath, ...] = (
    ("audience", "password"),
    ("delivery", "secret"),
    ("delivery", "credentials"),
    ("delivery", "dkim", "key"),
)
_SECRET_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:\S.*")
_TOKEN_LETTERS = 48
# C0 and C1 controls and the two Unicode line separators: any of them could end a header's line.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def wrong_addresses(document: Document) -> Iterator[Diagnostic]:
    for path in _ADDRESSES:
        address = document.get(path, str)
        if address is None or len(address) > 254:
            continue
        filled = address.replace("{token}", "t" * _TOKEN_LETTERS) if path[-1] == "return_path" else address
        try:
            validate_email(filled, check_deliverability=False, globally_deliverable=False)
        except EmailNotValidError as error:
            message = f"`{dotted(path)}` is no e-mail address: {str(error).rstrip('.')}"
            yield document.fault("MR150", message, path, "write it like `news@example.com`; a name has its own key")


def unsafe_header_values(document: Document) -> Iterator[Diagnostic]:
    for path in _HEADER_TEXTS:
        if CONTROLS.search(document.get(path, str) or ""):
            message = f"`{dotted(path)}` holds a line break or control character"
            yield document.fault("MR151", message, path, "write it in one line")


def missing_opt_out(document: Document) -> Iterator[Diagnostic]:
    """Marketing mail needs a way out and a postal address (RFC 8058; CAN-SPAM, 15 U.S.C. 7704(a)(5))."""
    delivery = document.get(("delivery",), dict)
    if delivery is None or (document.get(("class",), str) or "marketing") != "marketing":
        return
    for key, help in (
        ("unsubscribe", "add `unsubscribe: {url: https://...}`, or `class: transactional` if nobody could opt out"),
        ("postal_address", "add `postal_address:`, or `class: transactional` if it advertises nothing"),
    ):
        if delivery.get(key) in (None, ""):
            place = document.place_of_key(("delivery",))
            yield document.fault("MR152", f"a marketing campaign must have `delivery.{key}`", place, help)


def unknown_transport(document: Document) -> Iterator[Diagnostic]:
    path = ("delivery", "transport")
    url = document.get(path, str)
    if url is None:
        return
    scheme, colon, _ = url.partition(":")
    if not colon or scheme not in TRANSPORT_SCHEMES:
        help = (
            did_you_mean(scheme, TRANSPORT_SCHEMES)
            if colon
            else "write `smtp://host:port`, `file:///folder` or `rehearsal:`"
        )
        yield document.fault("MR153", f"unknown transport `{scheme}`", path, help)
        return
    parts = _split(url)
    if scheme == "smtp" and (parts is None or not parts.hostname):
        yield document.fault("MR153", "the transport names no server", path, "write `smtp://host:port`")
    if "+" in scheme and (parts is None or not parts.hostname):
        yield document.fault("MR153", "the transport names no server", path, f"write `{scheme}://host`")
    if scheme == "file" and (parts is None or parts.netloc or not parts.path.strip("/")):
        yield document.fault("MR153", "the transport names no folder", path, "write `file:///folder`")


def idle_reconcile(document: Document) -> Iterator[Diagnostic]:
    path: KeyPath = ("delivery", "reconcile")
    if document.get(path, dict) is not None and document.get(("delivery", "on_unknown"), str) != "reconcile":
        message = "`delivery.reconcile` does nothing without `on_unknown: reconcile`"
        yield document.fault("MR156", message, path, "say `on_unknown: reconcile`, or remove it")


def misaligned_signature(document: Document) -> Iterator[Diagnostic]:
    """DMARC counts a signature only if its domain is the From address's (RFC 9989: one the other's, or a part of it)."""
    path: KeyPath = ("delivery", "dkim", "domain")
    domain, address = document.get(path, str), document.get(("delivery", "from", "address"), str)
    if not domain or address is None or "@" not in address:
        return
    signing, sending = domain.lower(), _in_ascii(address.rpartition("@")[2])
    if f".{sending}".endswith(f".{signing}") or f".{signing}".endswith(f".{sending}"):
        return
    message = f"the DKIM domain `{domain}` is not aligned with the From address's, `{sending}`"
    yield document.fault("MR155", message, path, f"sign for `{sending}`, or a domain above it")


def inline_secrets(document: Document) -> Iterator[Diagnostic]:
    """Secrets in the file itself. The value is never repeated, nor its line shown."""
    for path in _SECRETS:
        secret = document.get(path, str)
        if secret is not None and _SECRET_REFERENCE.fullmatch(secret) is None:
            help = "write `env:NAME` for an environment variable or `file:PATH` for a file"
            yield _unshown(document.fault("MR154", "a secret is written in the campaign file", path, help))
    for path in document.values:
        parts = _split(document.get(path, str) or "")
        if parts is not None and parts.scheme and parts.password:
            help = "leave the password out of the URL; it belongs in the environment"
            yield document.fault("MR154", f"`{dotted(path)}` holds a password", path, help)


def _in_ascii(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain.lower()


def _unshown(fault: Diagnostic) -> Diagnostic:
    """The fault without the line that it stands in."""
    return replace(fault, place=replace(fault.place, excerpt=None) if fault.place else None)


def _split(url: str) -> SplitResult | None:
    """The parts of an URL, or None if it is none: a port that is no number, a bracket left open."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
