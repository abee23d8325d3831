from __future__ import annotations

import pytest

from engine.adapters.transports.smtp.capabilities import Capabilities


def test_what_a_relay_offers() -> None:
    lines = (
        b"mx.example.com",
        b"PIPELINING",
        b"SIZE 10240000",
        b"starttls",
        b"AUTH PLAIN LOGIN",
        b"8BITMIME",
        b"SMTPUTF8",
    )
    assert Capabilities.parse(lines) == Capabilities(
        pipelining=True,
        starttls=True,
        eight_bit=True,
        utf8=True,
        size=True,
        largest=10_240_000,
        mechanisms=frozenset({"PLAIN", "LOGIN"}),
    )


def test_the_servers_name_is_no_capability() -> None:
    assert Capabilities.parse((b"PIPELINING",)) == Capabilities()


@pytest.mark.parametrize("line", [b"SIZE", b"SIZE 0", b"SIZE x", b"SIZE \xd9\xa1", b"SIZE -1"])
def test_no_limit(line: bytes) -> None:
    parsed = Capabilities.parse((b"mx", line))
    assert parsed.size
    assert parsed.largest is None


def test_the_old_form_of_auth() -> None:
    assert Capabilities.parse((b"mx", b"AUTH=LOGIN", b"AUTH PLAIN")).mechanisms == {"LOGIN", "PLAIN"}


@pytest.mark.parametrize("line", [b"", b" ", b"\xff\xfe", b"X" * 500])
def test_an_ill_formed_line_counts_as_absent(line: bytes) -> None:
    assert Capabilities.parse((b"mx", line)) == Capabilities()
