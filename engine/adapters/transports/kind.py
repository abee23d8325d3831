"""What a kind of transport tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult

from engine.adapters.transports.settings import TransportSettings
from engine.delivery.doubts import Nobody, Witness
from engine.delivery.transport import Transport
from engine.errors import UsageError


def open_nobody(url: SplitResult, settings: TransportSettings) -> Witness:  # noqa: ARG001 - nobody is asked
    return Nobody()


@dataclass(frozen=True, slots=True)
class TransportKind:
    """One way to send, chosen by the scheme of a URL.

    ``open`` raises UsageError for a URL that it cannot use, and CampaignError for credentials. ``keeps_octets``: a message arrives as
    it was given, so that a signature of ours holds. ``inquire`` opens what can be asked about messages that may have been sent.
    """

    name: str
    schemes: tuple[str, ...]
    example: str
    summary: str
    open: Callable[[SplitResult, TransportSettings], Transport]
    keeps_octets: bool = True
    inquire: Callable[[SplitResult, TransportSettings], Witness] = open_nobody


def malformed(url: SplitResult, fault: str, help: str) -> UsageError:
    """The error for a URL that a kind cannot use; it repeats the scheme alone, for the rest may hold a secret."""
    return UsageError.single("MR712", f"the {url.scheme}: transport URL has {fault}", help=help)
