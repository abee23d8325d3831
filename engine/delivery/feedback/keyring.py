"""Tokens and links of several campaigns, verified with the secrets that made them.

A tracked link is ``TOKEN/LINK``. TOKEN names the message (a MAC over its delivery key), LINK the address (a MAC over key id,
tenant and address), so that a campaign's link is signed once and a message once, whatever their number. A link cannot be made
up and nothing in it can be changed; who has two messages can put the one's token before the other's link, which leads where the
sender's own link leads.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from urllib.parse import urlsplit

from engine.delivery.identity import TokenUse, delivery_key_of

_TAG_BYTES = 20  # 160 bits: 32 letters
_ID_BYTES = 5  # 8 letters
_LINK = re.compile(r"([a-z2-7]{8})([a-z2-7]{32})([A-Za-z0-9_-]{1,4000})", re.ASCII)
_NOT_IN_AN_ADDRESS = re.compile(r"[\x00-\x20\x7f-\x9f\u00a0\u2028\u2029<>\"\\]")
WEB = ("http", "https")


def web_address(url: str) -> bool:
    """Whether a link may lead there: http or https, with a host, nothing in it that a header or a page could take for its own."""
    if _NOT_IN_AN_ADDRESS.search(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in WEB and bool(parts.hostname)
    except ValueError:
        return False


def key_id(secret: bytes) -> str:
    """Which secret signed a link, without telling anything of it: 8 letters."""
    return b32encode(hmac.digest(secret, b"link key id", hashlib.sha256)[:_ID_BYTES]).decode().lower()


def sign_link(secret: bytes, tenant: str, url: str) -> str:
    """The LINK that leads to ``url``: key id, 160 bits of HMAC-SHA256, the address in URL-safe base64. Raises ValueError for
    what is no web address."""
    if not web_address(url):
        raise ValueError("only http and https addresses can be tracked")
    encoded = urlsafe_b64encode(url.encode()).decode().rstrip("=")
    return f"{key_id(secret)}{_tag(secret, tenant, url)}{encoded}"


class Keyring:
    """The secrets with which this tenant's tokens and links may have been made: the present ones and those before them."""

    def __init__(self, secrets: Iterable[bytes], tenant: str) -> None:
        self._secrets = tuple(dict.fromkeys(secrets))
        self._by_id = {key_id(each): each for each in self._secrets}
        self._tenant = tenant

    def __len__(self) -> int:
        return len(self._secrets)

    def key_of(self, token: str, use: TokenUse) -> bytes | None:
        """The delivery key that a token names, or None. Every secret is tried, so that time tells nothing of which one it was."""
        if token != token.lower():  # base32 knows no case, but what we wrote is what is taken
            return None
        found = [delivery_key_of(secret, token, use) for secret in self._secrets]
        return next((each for each in found if each is not None), None)

    def url_of(self, link: str) -> str | None:
        """Where a link leads, or None when it was not signed here, or byte for byte is another."""
        parts = _LINK.fullmatch(link)
        secret = self._by_id.get(parts[1]) if parts else None
        if parts is None or secret is None:
            return None
        try:
            url = urlsafe_b64decode(parts[3] + "=" * (-len(parts[3]) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        genuine = hmac.compare_digest(parts[2], _tag(secret, self._tenant, url)) and web_address(url)
        # The last letter of base64 has bits that mean nothing; only what was signed letter for letter is taken.
        same = hmac.compare_digest(parts[3], urlsafe_b64encode(url.encode()).decode().rstrip("="))
        return url if genuine and same else None


def _tag(secret: bytes, tenant: str, url: str) -> str:
    signed = b"".join(
        len(each).to_bytes(8, "big") + each for each in (key_id(secret).encode(), tenant.encode(), url.encode())
    )
    key = hmac.digest(secret, b"link", hashlib.sha256)
    return b32encode(hmac.digest(key, signed, hashlib.sha256)[:_TAG_BYTES]).decode().lower()
