"""What the doctor asks the DNS of the domains that a campaign sends for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from engine.adapters.resolver import DnsNames
from engine.adapters.transports import keeps_octets
from engine.assembly.secret_references import resolve_secret
from engine.assembly.sending import Route
from engine.campaign.schema import Delivery, Dkim
from engine.delivery.alignment import (
    Names,
    Remark,
    domain_of,
    look_at_alignment,
    look_at_dkim,
    look_at_dmarc,
    look_at_return_path,
    look_at_spf,
)
from engine.delivery.dkim import read_key
from engine.delivery.reverse_names import addresses_in_spf, addresses_of, look_at_reverse_names


def names_to_look_at(
    server: str | None, delivery: Delivery, route: Route, folder: Path
) -> Iterator[tuple[str, Callable[[], Remark]]]:
    """What is looked at, and how, a pair each. A look raises ServiceError (MR756) when nobody answers, UsageError (MR757)."""
    sender = domain_of(delivery.from_.address)
    envelope = domain_of(delivery.return_path or delivery.from_.address)
    dkim = delivery.dkim

    def asked(look: Callable[[Names], Remark]) -> Callable[[], Remark]:
        return lambda: look(DnsNames(server))

    yield "SPF", asked(lambda names: look_at_spf(names, envelope))
    if dkim is not None:
        public = partial(_public, dkim, folder)
        yield "DKIM", asked(lambda names: look_at_dkim(names, dkim.domain.lower(), dkim.selector, public()))
    yield "DMARC", asked(lambda names: look_at_dmarc(names, sender))
    if dkim is not None or keeps_octets(route.url):  # who writes messages anew signs them as it was told there
        signer = None if dkim is None else dkim.domain.lower()
        yield "alignment", asked(lambda names: look_at_alignment(names, sender, envelope, signer))
    yield "return path", asked(lambda names: look_at_return_path(names, envelope))
    relay = urlsplit(route.url)
    if relay.scheme in ("smtp", "smtps"):  # a provider sends from addresses of its own
        host = relay.hostname or "localhost"
        yield "reverse DNS", asked(lambda names: _reverse_names(names, host, envelope))


def _reverse_names(names: Names, relay: str, envelope: str) -> Remark:
    """A relay may well send from another address than it is reached at, so both are looked at: its own, and those that SPF names."""
    return look_at_reverse_names(names, [*addresses_of(names, relay), *addresses_in_spf(names, envelope)])


def _public(dkim: Dkim, folder: Path) -> bytes:
    """The public half of the key that signs, as its record has it."""
    return read_key(resolve_secret(dkim.key, folder), dkim.key).public
