"""A name server on loopback that says what a test tells it to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest


@dataclass
class Zone:
    """``records`` by name and type; a name in ``broken`` gets SERVFAIL. ``asked`` are the questions, in their order."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def text(self, name: str, *texts: str) -> None:
        self.records[name, "TXT"] = [f'"{text}"' for text in texts]

    def answer(self, raw: bytes) -> bytes:
        query = dns.message.from_wire(raw)
        [question] = query.question
        name, kind = question.name.to_text().rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name in self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif found := self.records.get((name, kind)):
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, found))
        elif not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


@pytest.fixture
def zone() -> Iterator[Zone]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        zone = Zone(port=server.getsockname()[1])

        def serve() -> None:
            while True:
                raw, client = server.recvfrom(4_096)
                if not raw:
                    return
                server.sendto(zone.answer(raw), client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield zone
        server.sendto(b"", server.getsockname())
        thread.join()
