"""How a campaign's mail leaves: through which transport, with which credentials, signed with which key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from engine.adapters.transports import (
    Credentials,
    Deadlines,
    TransportSettings,
    keeps_octets,
    open_inquiry,
    open_transport,
)
from engine.assembly.secret_references import resolve_secret
from engine.assembly.settings import AppSettings
from engine.campaign.schema import Delivery
from engine.delivery.dkim import Signer, read_key
from engine.delivery.doubts import Witness
from engine.delivery.transport import Transport
from engine.errors import CampaignError


@dataclass(frozen=True, slots=True)
class Route:
    """A transport's URL and the reference to what it asks for; they go together, whoever names them."""

    url: str
    credentials: str | None

    @classmethod
    def of(cls, settings: AppSettings, delivery: Delivery) -> Self:
        """The settings' transport with the settings' credentials, else the campaign's with the campaign's."""
        if settings.transport is not None:
            return cls(settings.transport, settings.credentials)
        return cls(delivery.transport, settings.credentials or delivery.credentials)

    @classmethod
    def resumed(cls, settings: AppSettings, record: dict[str, Any]) -> Self:
        """A run's route, unless the settings name another; other credentials may be named alone."""
        if settings.transport is not None:
            return cls(settings.transport, settings.credentials)
        return cls(record["transport"], settings.credentials or record["credentials"])


def open_route(route: Route, delivery: Delivery, origin: Path) -> Transport:
    """The transport; references begin in ``origin``.

    Raises UsageError for its URL, and CampaignError for credentials and for signatures that it would break.
    """
    if delivery.dkim is not None and not keeps_octets(route.url):
        scheme = route.url.partition(":")[0]
        raise CampaignError.single(
            "MR165",
            f"`{scheme}:` writes messages anew, so that a DKIM signature made before does not hold",
            help="leave `delivery.dkim` out, and let the provider sign for your domain",
        )
    return open_transport(route.url, _settings(route, delivery, origin))


def open_route_inquiry(route: Route, delivery: Delivery, origin: Path) -> Witness:
    """Who at the other end can be asked about messages that may have been sent. Raises as ``open_route`` does."""
    return open_inquiry(route.url, _settings(route, delivery, origin))


def _settings(route: Route, delivery: Delivery, origin: Path) -> TransportSettings:
    deadlines = replace(Deadlines(), end=delivery.reply_timeout)
    credentials = None if route.credentials is None else _credentials(route.credentials, origin)
    return TransportSettings(credentials=credentials, deadlines=deadlines)


def signer_of(delivery: Delivery, origin: Path) -> Signer | None:
    """What signs the campaign's messages, if anything does. Raises CampaignError when its key cannot."""
    dkim = delivery.dkim
    if dkim is None:
        return None
    return Signer(dkim.domain.lower(), dkim.selector, read_key(resolve_secret(dkim.key, origin), dkim.key))


def _credentials(reference: str, origin: Path) -> Credentials:
    try:
        return Credentials.of(resolve_secret(reference, origin).decode())
    except UnicodeDecodeError:
        raise CampaignError.single("MR166", f"the credentials `{reference}` are no text in UTF-8") from None
