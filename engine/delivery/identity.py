"""What names a message for ever: its delivery key, and all that derives from it.

Nothing here knows an attempt: a message that is sent again bears the same names, and so the same bytes. The names are MACs
under the campaign's secret, which is passed in; each purpose has a key of its own (HKDF's idea, RFC 5869), so that one name tells
nothing of another.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32decode, b32encode
from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

KEY_BYTES = 16
_MESSAGE_ID_BYTES = 20  # 160 bits: 32 letters
_SIGNATURE_BYTES = 14  # with the key 240 bits: a token of 48 letters
_TOKEN_LETTERS = (KEY_BYTES + _SIGNATURE_BYTES) * 8 // 5
_SHA256_BLOCK = 64
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)  # RFC 4648's base32 in lower case
_FIVE_BIT_SHIFTS = np.arange(35, -1, -5, dtype=np.uint64)


def delivery_keys(
    tenant: str, campaign: str, steps: Sequence[str], occurrence: str | Sequence[str], recipients: Sequence[str]
) -> pa.FixedSizeBinaryArray:
    """The 16-byte keys of n messages: BLAKE2b-128 over tenant, campaign, step, occurrence (one for all, or each its own) and recipient.

    Each field goes in behind its length, so no two lists of fields are the same bytes.
    """
    occurrences = [occurrence] * len(steps) if isinstance(occurrence, str) else occurrence
    states: dict[tuple[str, str], hashlib.blake2b] = {}
    keys = bytearray()
    for step, passage, recipient in zip(steps, occurrences, recipients, strict=True):
        common = states.get((step, passage))
        if common is None:
            common = states[step, passage] = hashlib.blake2b(digest_size=KEY_BYTES, person=b"mailray-delivery")
            for field in (tenant, campaign, step, passage):
                common.update(_framed(field))
        state = common.copy()
        state.update(_framed(recipient))
        keys += state.digest()
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(KEY_BYTES), len(recipients), [None, pa.py_buffer(bytes(keys))]
    )


def message_ids(secret: bytes, keys: pa.FixedSizeBinaryArray) -> pa.StringArray:
    """The left sides of the Message-IDs: 32 letters each, base32 of an HMAC-SHA256 of the delivery key cut to 160 bits."""
    sign = _signer(secret, b"message-id")
    return _base32(b"".join([sign(key)[:_MESSAGE_ID_BYTES] for key in _each(keys)]), _MESSAGE_ID_BYTES)


class TokenUse(StrEnum):
    """What a token is good for. One of one use is none of another: who sees a picture's address cannot unsubscribe with it."""

    UNSUBSCRIBE = "unsubscribe"
    TRACKING = "tracking"
    RETURN_PATH = "return-path"


def tokens(secret: bytes, keys: pa.FixedSizeBinaryArray, use: TokenUse) -> pa.StringArray:
    """What addresses end in that lead back to a message: 48 letters each, base32 of the delivery key and 112 bits of its MAC."""
    sign = _signer(secret, use.value.encode())
    signed = [key + sign(key)[:_SIGNATURE_BYTES] for key in _each(keys)]
    return _base32(b"".join(signed), KEY_BYTES + _SIGNATURE_BYTES)


def unsubscribe_tokens(secret: bytes, keys: pa.FixedSizeBinaryArray) -> pa.StringArray:
    """What one-click addresses end in."""
    return tokens(secret, keys, TokenUse.UNSUBSCRIBE)


def delivery_key_of(secret: bytes, token: str, use: TokenUse = TokenUse.UNSUBSCRIBE) -> bytes | None:
    """The delivery key that a token names, or None when the token was not made with this secret for this use.

    The comparison takes the same time wherever a forged token first differs.
    """
    if len(token) != _TOKEN_LETTERS or not token.isascii():
        return None
    try:
        raw = b32decode(token.upper())
    except ValueError:
        return None
    key, signature = raw[:KEY_BYTES], raw[KEY_BYTES:]
    genuine = hmac.compare_digest(signature, _signer(secret, use.value.encode())(key)[:_SIGNATURE_BYTES])
    return key if genuine else None


def boundary(secret: bytes, campaign: str) -> str:
    """The delimiter of the campaign's messages (RFC 2046 section 5.1.1), 36 characters.

    It holds ``=_``, which quoted-printable text cannot, so that it never occurs in a body whatever is written there.
    """
    return "=_mr" + b32encode(_signer(secret, b"boundary")(campaign.encode())[:_MESSAGE_ID_BYTES]).decode().lower()


def _framed(field: str) -> bytes:
    raw = field.encode()
    return len(raw).to_bytes(8, "big") + raw


def _each(keys: pa.FixedSizeBinaryArray) -> list[bytes]:
    raw = keys.buffers()[1].to_pybytes()
    start = keys.offset * KEY_BYTES
    return [raw[i : i + KEY_BYTES] for i in range(start, start + len(keys) * KEY_BYTES, KEY_BYTES)]


def _signer(secret: bytes, purpose: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA256 (RFC 2104) under the key of one purpose, its two keyed states made once: a third of ``hmac.digest``'s time."""
    padded = hmac.digest(secret, purpose, "sha256").ljust(_SHA256_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def sign(message: bytes) -> bytes:
        within, without = inner.copy(), outer.copy()
        within.update(message)
        without.update(within.digest())
        return without.digest()

    return sign


def _base32(raw: bytes, width: int) -> pa.StringArray:
    """Rows of ``width`` bytes, a multiple of five, as base32 without padding."""
    letters = width * 8 // 5
    rows = len(raw) // width
    fives = np.frombuffer(raw, np.uint8).reshape(-1, 5).astype(np.uint64)
    words = fives[:, 0] << 32 | fives[:, 1] << 24 | fives[:, 2] << 16 | fives[:, 3] << 8 | fives[:, 4]
    text: npt.NDArray[np.uint8] = _ALPHABET[(words[:, None] >> _FIVE_BIT_SHIFTS).astype(np.uint8) & 31]
    offsets = np.arange(0, (rows + 1) * letters, letters, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(text))
