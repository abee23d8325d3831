"""Tokens and links: what is not ours byte for byte is nothing."""

from __future__ import annotations

import pyarrow as pa
import pytest

from engine.delivery.feedback.keyring import Keyring, key_id, sign_link, web_address
from engine.delivery.identity import TokenUse, delivery_keys, tokens

OLD, NEW, OTHER = b"the old secret", b"the new secret", b"somebody else's"
URL = "https://example.com/sale?size=m&utm_source=x#new"
KEYS: pa.FixedSizeBinaryArray = delivery_keys("default", "spring", ["offer"], "2026-03-02", ["19"])
KEY = KEYS[0].as_py()


def token(secret: bytes, use: TokenUse) -> str:
    return str(tokens(secret, KEYS, use)[0].as_py())


@pytest.mark.parametrize("use", list(TokenUse))
def test_a_token_is_good_for_its_use_alone(use: TokenUse) -> None:
    keyring = Keyring([OLD, NEW], "default")
    assert keyring.key_of(token(NEW, use), use) == KEY
    assert keyring.key_of(token(OLD, use), use) == KEY
    assert all(keyring.key_of(token(NEW, use), each) is None for each in TokenUse if each is not use)


def test_a_token_changed_in_any_byte_names_nothing() -> None:
    keyring = Keyring([NEW], "default")
    good = token(NEW, TokenUse.TRACKING)
    for position in range(len(good)):
        for letter in "abcdefghijklmnopqrstuvwxyz234567ABCZ019-/.":
            if letter != good[position]:
                changed = good[:position] + letter + good[position + 1 :]
                assert keyring.key_of(changed, TokenUse.TRACKING) is None


def test_a_link_changed_in_any_byte_leads_nowhere() -> None:
    keyring = Keyring([OLD, NEW], "default")
    link = sign_link(NEW, "default", URL).encode()
    assert keyring.url_of(link.decode()) == URL
    for position in range(len(link)):
        for bit in range(8):
            changed = bytearray(link)
            changed[position] ^= 1 << bit
            assert keyring.url_of(changed.decode("latin-1")) is None
    for end in range(len(link)):
        assert keyring.url_of(link[:end].decode()) is None
    assert keyring.url_of(link.decode() + "A") is None


def test_a_secret_may_be_changed_while_its_links_are_in_mailboxes() -> None:
    links = [sign_link(each, "default", URL) for each in (OLD, NEW)]
    assert [Keyring([NEW, OLD], "default").url_of(each) for each in links] == [URL, URL]
    assert [Keyring([NEW], "default").url_of(each) for each in links] == [None, URL]
    assert key_id(OLD) != key_id(NEW)


def test_strangers_sign_nothing_for_us() -> None:
    keyring = Keyring([NEW], "default")
    assert keyring.url_of(sign_link(OTHER, "default", URL)) is None
    assert keyring.url_of(sign_link(NEW, "another tenant", URL)) is None
    foreign = sign_link(OTHER, "default", URL)
    assert keyring.url_of(key_id(NEW) + foreign[8:]) is None


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "mailto:a@example.com", "//example.com", "/path", "", "https://", "ftp://example.com",
        "https:///x", "https://example.com/a b", "https://example.com/\r\nSet-Cookie: x=1", 'https://example.com/"', "https://exa\\mple.com",
        "https://[::1", "https://example.com/\x00",
    ],
)  # fmt: skip
def test_only_web_addresses_are_signed(url: str) -> None:
    assert not web_address(url)
    with pytest.raises(ValueError, match="http"):
        sign_link(NEW, "default", url)
