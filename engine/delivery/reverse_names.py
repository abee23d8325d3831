"""Whether the addresses that mail comes from have names that lead back to them, as receivers ask (forward-confirmed reverse DNS).

RFC 1912 section 2.1 asks for such a name; Gmail refuses mail from an address without one (5.7.25). Pure, over what the DNS says.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from engine.delivery.alignment import Level, Names, Remark, spf_records

MOST_ADDRESSES = 10
MOST_NAMES = 10  # of one address


def addresses_in_spf(names: Names, domain: str) -> list[str]:
    """The single addresses that a domain's SPF record lets send (RFC 7208 section 5.6). Of a network, and of what is included,
    nobody here knows which address sends."""
    terms = [term.lstrip("+") for record in spf_records(names, domain)[:1] for term in record.lower().split()[1:]]
    named = [term[len("ip4:") :] for term in terms if term.startswith(("ip4:", "ip6:"))]
    networks = [network for text in named if (network := _network(text)) is not None]
    return [str(network.network_address) for network in networks if network.num_addresses == 1]


def addresses_of(names: Names, host: str) -> list[str]:
    """The addresses of a host, which may be one itself."""
    return names.addresses(host) if _network(host) is None else [host]


def look_at_reverse_names(names: Names, addresses: Sequence[str]) -> Remark:
    """Whether each address, of those that the world can see, has a name with that address."""
    seen = [each for each in dict.fromkeys(map(ipaddress.ip_address, addresses)) if each.is_global][:MOST_ADDRESSES]
    if not seen:
        return Remark(Level.OK, "not looked at: from which address mail reaches receivers is not known here")
    nameless = [str(each) for each in seen if not _confirmed(names, str(each))]
    if nameless:
        return Remark(
            Level.WARN,
            f"no name leads back to {', '.join(nameless)}, of {len(seen)} addresses that may send",
            "where mail leaves from it: a PTR record, and an address record of the name that it gives",
        )
    return Remark(Level.OK, f"names lead back to {', '.join(map(str, seen))}")


def _confirmed(names: Names, address: str) -> bool:
    there = ipaddress.ip_address(address)
    found = (other for name in names.pointers(address)[:MOST_NAMES] for other in names.addresses(name))
    return any(ipaddress.ip_address(other) == there for other in found)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
