"""The ways to send. A new one is a file with a ``KIND``, and a place in ``TRANSPORTS``."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from engine.adapters.transports import file, providers, rehearsal, smtp
from engine.adapters.transports.kind import TransportKind
from engine.adapters.transports.settings import Credentials, Deadlines, StartTls, TransportSettings
from engine.delivery.doubts import Witness
from engine.delivery.transport import Transport
from engine.errors import UsageError, did_you_mean

__all__ = [
    "TRANSPORTS",
    "Credentials",
    "Deadlines",
    "StartTls",
    "TransportKind",
    "TransportSettings",
    "keeps_octets",
    "open_inquiry",
    "open_transport",
]

TRANSPORTS: Final[tuple[TransportKind, ...]] = (smtp.KIND, *providers.KINDS, file.KIND, rehearsal.KIND)


def open_transport(url: str, settings: TransportSettings) -> Transport:
    """The transport that a URL names. Raises UsageError for an unknown scheme and for a URL its kind cannot use, CampaignError for
    credentials that it cannot use."""
    parts, kind = _chosen(url)
    return kind.open(parts, settings)


def open_inquiry(url: str, settings: TransportSettings) -> Witness:
    """Who can be asked about messages that may have been sent by the transport that a URL names. Raises as ``open_transport`` does."""
    parts, kind = _chosen(url)
    return kind.inquire(parts, settings)


def keeps_octets(url: str) -> bool:
    """Whether a message arrives as it was given to the transport that a URL names. Raises UsageError."""
    _, kind = _chosen(url)
    return kind.keeps_octets


def _chosen(url: str) -> tuple[SplitResult, TransportKind]:
    kinds = {scheme: kind for kind in TRANSPORTS for scheme in kind.schemes}
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError.single("MR711", "the transport URL is malformed", help="smtp://host:port") from error
    kind = kinds.get(parts.scheme)
    if kind is None:
        what = f"unknown transport `{parts.scheme}:`" if parts.scheme else "a transport URL without a scheme"
        raise UsageError.single("MR711", what, help=did_you_mean(parts.scheme, tuple(kinds)))
    return parts, kind
