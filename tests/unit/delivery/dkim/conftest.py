"""Keys, and dkimpy as the receiver that checks signatures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.delivery.dkim import Algorithm, Signer, SigningKey

DOMAIN, SELECTOR = "example.com", "spring.2026"
RSA = SigningKey(generate_private_key(65537, 2048))
ED25519 = SigningKey(Ed25519PrivateKey.generate())


@pytest.fixture(params=[RSA, ED25519], ids=lambda key: key.algorithm)
def key(request: pytest.FixtureRequest) -> SigningKey:
    return request.param


@pytest.fixture
def signer(key: SigningKey) -> Signer:
    return Signer(DOMAIN, SELECTOR, key)


@pytest.fixture
def verifies(key: SigningKey) -> Callable[[bytes], bool]:
    """Whether dkimpy, which asks for the key's record, finds the first signature of a message good."""
    public = key.key.public_key()
    if key.algorithm is Algorithm.RSA_SHA256:
        record = b"v=DKIM1; k=rsa; p=" + b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    else:
        record = b"v=DKIM1; k=ed25519; p=" + b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def lookup(name: bytes, timeout: int = 5) -> bytes:
        assert name == f"{SELECTOR}._domainkey.{DOMAIN}.".encode()
        return record

    return lambda message: dkim.verify(message, dnsfunc=lookup)
