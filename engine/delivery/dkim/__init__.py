"""DKIM signatures (RFC 6376, RFC 8463) for messages that are ready for the wire."""

from engine.delivery.dkim.keys import Algorithm, SigningKey, read_key
from engine.delivery.dkim.signer import SIGNED, Signer

__all__ = ["SIGNED", "Algorithm", "Signer", "SigningKey", "read_key"]
