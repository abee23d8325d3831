"""Addresses as they go into headers and SMTP commands, or not at all."""

from __future__ import annotations

import pyarrow as pa
import pytest

from engine.delivery.mime.addresses import wire_address, wire_addresses
from engine.delivery.mime.columns import HeaderError


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.B+c=d@Example.COM", "Ann.B+c=d@Example.COM"),
        ("o'hara@x-y.example.org", "o'hara@x-y.example.org"),
        ("joe@bücher.example", "joe@xn--bcher-kva.example"),
        ("joe@BÜCHER.example", "joe@xn--bcher-kva.example"),
        ("joe@例え。テスト", "joe@xn--r8jz45g.xn--zckzah"),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
        ("a@" + ("b" * 63 + ".") * 2 + "com", "a@" + ("b" * 63 + ".") * 2 + "com"),
    ],
)
def test_wire_form(address: str, wire: str) -> None:
    assert wire_address(address, smtputf8=False) == wire


REFUSED = [
    "", "ann", "@example.com", "ann@", "a@b@example.com", "a b@example.com", " a@example.com", "a@example.com ", ".a@example.com",
    "a.@example.com", "a..b@example.com", '"a b"@example.com', "a@[127.0.0.1]", "a@-x.example.com", "a@x-.example.com",
    "a@example..com", "a@example.com.", "a@exa_mple.com", "<a@example.com>", "a@example.com, b@example.com",
    "a@example.com>\r\nRCPT TO:<b@example.com", "a\n@example.com", "a@example.com\n", "a\0@example.com", "a\x7f@example.com",
    "a\x85@example.com", "a\u2028@example.com", "a(c)@example.com", "x" * 65 + "@example.com", "a@" + "b" * 64 + ".example.com",
    "a@" + "b." * 130 + "com", "a@" + "ü" * 70 + ".example", "a@\u200f.example", "a@ex\u00a0ample.com", "zoë@example.com",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address: str) -> None:
    with pytest.raises(HeaderError) as refused:
        wire_address(address, smtputf8=False)
    assert not address or address not in str(refused.value)


@pytest.mark.parametrize("address", ["a\r\nBcc: b@example.com", "a\x85@example.com", "a@example\u2028.com", "\0"])
def test_a_control_character_is_called_so(address: str) -> None:
    with pytest.raises(HeaderError, match="control character"):
        wire_address(address, smtputf8=True)


def test_a_local_part_in_unicode_only_where_it_is_taken() -> None:
    with pytest.raises(HeaderError, match="does not offer"):
        wire_address("zoë@example.com", smtputf8=False)
    assert wire_address("zoe\u0308@bücher.example", smtputf8=True) == "zoë@xn--bcher-kva.example"


@pytest.mark.parametrize("local", ["zoë\u00a0", "zo\u200bë", "zo ë", "zoë,b", ".zoë", "zoë\u2028", "ë" * 33])
def test_unicode_is_no_way_around(local: str) -> None:
    with pytest.raises(HeaderError):
        wire_address(f"{local}@example.com", smtputf8=True)


def test_columns_are_wire_address_row_by_row() -> None:
    good = ["ann@example.com", "joe@bücher.example", "x" * 64 + "@example.com", "ann@example.com"]
    addresses, faults = wire_addresses(pa.array([*good, *REFUSED, None]), smtputf8=False)
    assert addresses.to_pylist()[: len(good)] == [wire_address(address, smtputf8=False) for address in good]
    assert faults.keys() == set(range(len(good), len(good) + len(REFUSED) + 1))
    assert set(addresses.to_pylist()[len(good) :]) == {""}
