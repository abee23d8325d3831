"""URLs of HTTP transports.

    NAME:                           the provider's own address
    NAME:WORD?OPTION=VALUE          ... with what this provider asks for
    https+NAME://HOST[:PORT][/WORD] another address of it: a region, a proxy
    http+NAME://127.0.0.1:PORT      without TLS, on this machine alone

No credentials stand in a URL: they are given by reference.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote

from engine.adapters.transports.kind import malformed
from engine.adapters.transports.settings import TransportSettings
from engine.errors import CampaignError, did_you_mean


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an interface is. ``url`` has no slash at its end; it is None for the provider's own. ``path`` begins with no slash."""

    url: str | None
    path: str
    options: Mapping[str, str]


def schemes(name: str) -> tuple[str, str, str]:
    return name, f"https+{name}", f"http+{name}"


def endpoint_of(url: SplitResult, options: Sequence[str] = ()) -> Endpoint:
    """Raises UsageError: a host where none may be, or none; a password; plain HTTP to another machine; an unknown option."""
    protocol, plus, _ = url.scheme.rpartition("+")
    if url.username is not None or url.password is not None:
        raise malformed(url, "a name or password in the URL", "give credentials by reference: `delivery.credentials`")
    given = dict(parse_qsl(url.query, keep_blank_values=True))
    for option in given:
        if option not in options:
            raise malformed(url, f"no option `{option}`", did_you_mean(option, options))
    if url.fragment:
        raise malformed(url, "a fragment", f"{url.scheme}://host")
    path = unquote(url.path).strip("/")
    if not plus:
        if url.netloc:
            raise malformed(url, "a host", f"`{url.scheme}:`, or `https+{url.scheme}://host` for another address")
        return Endpoint(None, path, given)
    if not url.hostname:
        raise malformed(url, "no host", f"{url.scheme}://host")
    if protocol == "http" and not is_loopback(url.hostname):
        raise malformed(
            url, "plain HTTP to another machine", "https+ carries messages and credentials, http+ is for 127.0.0.1"
        )
    try:
        _ = url.port
    except ValueError as error:
        raise malformed(url, "a port that is no port", f"{url.scheme}://host:port") from error
    return Endpoint(f"{protocol}://{url.netloc}", path, given)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def batch_of(url: SplitResult, endpoint: Endpoint, most: int) -> int:
    """The option ``batch``: messages in a request. Raises UsageError."""
    value = endpoint.options.get("batch")
    if value is None:
        return most
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= most:
        raise malformed(url, "a batch that is none", f"a number from 1 to {most}")
    return int(value)


def token_of(name: str, settings: TransportSettings) -> str:
    """The token that an interface asks for. Raises CampaignError when there is none, or none that fits a header."""
    credentials = settings.credentials
    if credentials is None:
        raise CampaignError.single(
            "MR166", f"{name} asks for a token", help="`delivery.credentials: env:NAME` or `file:PATH`"
        )
    token = credentials.token
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CampaignError.single(
            "MR166", f"the credentials are no token as {name} takes it", help="one word in ASCII"
        )
    return token
