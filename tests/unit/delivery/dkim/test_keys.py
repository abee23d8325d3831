from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from engine.delivery.dkim import Algorithm, read_key
from engine.errors import CampaignError


def short_key(p: int = 2**384 - 317, q: int = 2**383 - 31) -> rsa.RSAPrivateKey:
    """One of 767 bits, made of two primes: libraries do not make such any more, but old files hold them."""
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    exponents = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *exponents, public).private_key()


def pem(key, form=PrivateFormat.PKCS8, encryption=None) -> bytes:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


@pytest.mark.parametrize(
    ("key", "form", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), PrivateFormat.PKCS8, Algorithm.RSA_SHA256),
        (rsa.generate_private_key(65537, 1024), PrivateFormat.TraditionalOpenSSL, Algorithm.RSA_SHA256),
        (ed25519.Ed25519PrivateKey.generate(), PrivateFormat.PKCS8, Algorithm.ED25519_SHA256),
    ],
)
def test_a_key_is_read(key, form, algorithm) -> None:
    read = read_key(pem(key, form), "file:dkim.pem")
    assert read.algorithm is algorithm
    assert repr(read) == f"SigningKey({algorithm})"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (b"", "MR162", "no private key in PEM form"),
        (b"\xff\xfe hunter2", "MR162", "no private key in PEM form"),
        (pem(ed25519.Ed25519PrivateKey.generate()).replace(b"M", b"m"), "MR162", "no private key in PEM form"),
        (pem(rsa.generate_private_key(65537, 2048), encryption=BestAvailableEncryption(b"x")), "MR162", "is encrypted"),
        (pem(short_key()), "MR164", "has 767 bits"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "MR163", "of a type that DKIM does not have"),
    ],
)
def test_a_key_that_cannot_sign(text, code, said) -> None:
    with pytest.raises(CampaignError) as raised:
        read_key(text, "env:DKIM_KEY")
    [diagnostic] = raised.value.diagnostics
    assert diagnostic.code == code
    assert said in diagnostic.message
    assert "`env:DKIM_KEY`" in diagnostic.message
    assert "hunter2" not in str(raised.value)
