"""Proof that a value was written by someone who knows the secret, and under the very key that it is found under."""

from __future__ import annotations

import hashlib
import hmac

TAG = 16
_PERSON = b"mailray cache"


class Seal:
    """Keyed BLAKE2b (RFC 7693), 128 bits of it, over the key and the value; a third of the time of HMAC-SHA-256."""

    def __init__(self, secret: bytes) -> None:
        self._start = hashlib.blake2b(key=hashlib.blake2b(secret).digest(), digest_size=TAG, person=_PERSON)

    def close(self, key: str, value: bytes) -> bytes:
        """The value and its tag."""
        return value + self._tag(key, value)

    def open(self, key: str, sealed: bytes) -> bytes | None:
        """The value; None when it was not sealed under this key with this secret."""
        value = sealed[:-TAG]
        return value if hmac.compare_digest(self._tag(key, value), sealed[-TAG:]) else None

    def _tag(self, key: str, value: bytes) -> bytes:
        tag, name = self._start.copy(), key.encode()
        tag.update(len(name).to_bytes(4, "big") + name + value)
        return tag.digest()
