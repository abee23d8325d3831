"""The private key that signs: RSA (RFC 6376, RFC 8301) or Ed25519 (RFC 8463)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from engine.errors import CampaignError

LEAST_BITS: Final = 1024
"""RFC 8301 section 3.2: signers must not use less, and should use 2,048."""

_PADDING: Final = padding.PKCS1v15()
_DIGEST: Final = utils.Prehashed(hashes.SHA256())


class Algorithm(StrEnum):
    RSA_SHA256 = "rsa-sha256"
    ED25519_SHA256 = "ed25519-sha256"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that may sign; never shown. The same digest always gives the same signature, with either algorithm."""

    key: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.RSA_SHA256 if isinstance(self.key, RSAPrivateKey) else Algorithm.ED25519_SHA256

    def sign(self, digest: bytes) -> bytes:
        """The signature of a SHA-256 digest; with Ed25519 the digest is the message that is signed (RFC 8463 section 3)."""
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(digest, _PADDING, _DIGEST)
        return self.key.sign(digest)

    @property
    def public(self) -> bytes:
        """The public half as a DNS record has it: RFC 6376 section 3.6.1, RFC 8463 section 4.2."""
        encoding = serialization.Encoding
        if isinstance(self.key, RSAPrivateKey):
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            return self.key.public_key().public_bytes(encoding.DER, form)
        return self.key.public_key().public_bytes(encoding.Raw, serialization.PublicFormat.Raw)

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm})"


def read_key(pem: bytes, reference: str) -> SigningKey:
    """The key in a PEM file's text (PKCS #8, or PKCS #1). Raises CampaignError, which names the reference and never the key."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise CampaignError.single(
            "MR162",
            f"the DKIM key `{reference}` is encrypted",
            help="write it without a passphrase, readable to its owner only",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise CampaignError.single(
            "MR162",
            f"the DKIM key `{reference}` is no private key in PEM form",
            help="begin with -----BEGIN PRIVATE KEY-----",
        ) from None
    if isinstance(key, RSAPrivateKey):
        if key.key_size < LEAST_BITS:
            raise CampaignError.single(
                "MR164",
                f"the DKIM key `{reference}` has {key.key_size} bits; receivers ignore less than {LEAST_BITS} (RFC 8301)",
                help="make one of 2,048 bits",
            )
        return SigningKey(key)
    if isinstance(key, Ed25519PrivateKey):
        return SigningKey(key)
    raise CampaignError.single(
        "MR163",
        f"the DKIM key `{reference}` is of a type that DKIM does not have",
        help="RSA of 2,048 bits, or Ed25519",
    )
