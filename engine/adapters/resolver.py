"""The DNS, as it is asked from here."""

from __future__ import annotations

import ipaddress
from typing import Any

import dns.exception
import dns.resolver
import dns.reversename

from engine.errors import ServiceError, UsageError

SECONDS = 5.0


class DnsNames:
    """Asks the machine's own resolver, or the one at ``server`` (``address`` or ``address:port``). Raises UsageError (MR757)."""

    def __init__(self, server: str | None) -> None:
        self._resolver = dns.resolver.Resolver(configure=server is None)
        self._resolver.lifetime = SECONDS
        if server is not None:
            self._resolver.nameservers, self._resolver.port = [_address(server)[0]], _address(server)[1]

    def texts(self, name: str) -> list[str]:
        return [b"".join(each.strings).decode("utf-8", "replace") for each in self._ask(name, "TXT")]

    def exchanges(self, name: str) -> list[str]:
        found = sorted(self._ask(name, "MX"), key=lambda each: int(each.preference))
        return [each.exchange.to_text().rstrip(".") for each in found]

    def addresses(self, name: str) -> list[str]:
        return [str(each.address) for kind in ("A", "AAAA") for each in self._ask(name, kind)]

    def pointers(self, address: str) -> list[str]:
        name = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        return [each.target.to_text(omit_final_dot=True) for each in self._ask(name, "PTR")]

    def _ask(self, name: str, kind: str) -> list[Any]:
        try:
            return list(self._resolver.resolve(f"{name}.", kind, search=False))
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            return []
        except dns.exception.DNSException as fault:
            raise ServiceError.single(
                "MR756", f"the DNS does not answer for {name}: {type(fault).__name__}", help="look at the resolver"
            ) from fault


def _address(server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    try:
        if colon and host and port.isascii() and port.isdigit():
            return str(ipaddress.ip_address(host.strip("[]"))), int(port)
        return str(ipaddress.ip_address(server.strip("[]"))), 53
    except ValueError:
        raise UsageError.single(
            "MR757", f"`{server}` is no resolver", help="an address, such as 127.0.0.1:5353"
        ) from None
