"""Amazon SES, which speaks through SNS.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html and
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import load_pem_x509_certificate

from engine.delivery.feedback.events import FeedbackEvent
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.feedback.webhooks.contract import (
    SECOND,
    ForgedError,
    delivery_key,
    instant,
    mapping,
    parsed,
    require_recent,
    text,
)
from engine.delivery.feedback.webhooks.ses_notice import detail_of, mail_of, meanings

TOLERANCE = 3_600 * SECOND  # a delivery that SNS tries again bears the time of the first
_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+)+-\d\.amazonaws\.com(?:\.cn)?", re.ASCII)
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES: Mapping[str, type[HashAlgorithm]] = {"1": SHA1, "2": SHA256}


class SesWebhook:
    """``secret`` is the topic's ARN: anybody may have SNS sign for a topic of their own.

    ``fetch`` gets an https address that is known to be Amazon's and gives its content; it is asked for certificates, which are
    kept, and to confirm the topic's subscription.
    """

    name = "ses"

    def __init__(self, secret: bytes, rules: BounceRules, fetch: Callable[[str], bytes]) -> None:
        self._topic = secret.decode()
        self._rules = rules
        self._fetch = fetch
        self._keys: dict[str, RSAPublicKey] = {}

    def read(self, headers: Mapping[str, str], body: bytes, now: int) -> Sequence[FeedbackEvent]:
        envelope = mapping(parsed(body))
        if text(envelope.get("TopicArn")) != self._topic:
            raise ForgedError("another topic")
        self._verify(envelope)
        require_recent(instant(envelope.get("Timestamp"), 1 << 62), now, TOLERANCE)
        if envelope["Type"] == "SubscriptionConfirmation":
            self._fetch(_of_amazon(text(envelope.get("SubscribeURL"), 4_000)))
        if envelope["Type"] != "Notification":
            return []
        return list(
            self._events(
                mapping(parsed(text(envelope.get("Message"), 1 << 20).encode())), text(envelope["MessageId"]), now
            )
        )

    def _verify(self, envelope: Mapping[str, Any]) -> None:
        names = _SIGNED.get(text(envelope.get("Type")))
        algorithm = _HASHES.get(text(envelope.get("SignatureVersion")))
        if names is None or algorithm is None:
            raise ForgedError("no known signature")
        signed = "".join(f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None)
        key = self._key(_of_amazon(text(envelope.get("SigningCertURL"))))
        try:
            key.verify(
                b64decode(text(envelope.get("Signature")), validate=True), signed.encode(), PKCS1v15(), algorithm()
            )
        except (binascii.Error, ValueError, InvalidSignature):
            raise ForgedError("wrong signature") from None

    def _key(self, url: str) -> RSAPublicKey:
        if url not in self._keys:
            try:
                key = load_pem_x509_certificate(self._fetch(url)).public_key()
            except ValueError as fault:
                raise ForgedError("no certificate") from fault
            if not isinstance(key, RSAPublicKey):
                raise ForgedError("a certificate of another kind")
            self._keys[url] = key
        return self._keys[url]

    def _events(self, notice: Mapping[str, Any], identity: str, now: int) -> Iterator[FeedbackEvent]:
        detail, mail = detail_of(notice), mail_of(notice)
        for number, each in enumerate(meanings(notice, self._rules)):
            yield FeedbackEvent(
                id=f"ses:{identity}:{number}",
                kind=each.kind,
                at=instant(detail.get("timestamp") or mail.get("timestamp"), now),
                source=self.name,
                key=_key(mail),
                address=each.address or None,
                status=each.status,
                detail=each.detail,
            )


def _of_amazon(url: str) -> str:
    """The address, if it is one of SNS itself over https. Raises ForgedError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ForgedError("no address") from None
    if (
        parts.scheme != "https"
        or port not in (None, 443)
        or parts.username
        or not _HOST.fullmatch(parts.hostname or "")
    ):
        raise ForgedError("an address that is not Amazon's")
    return url


def _key(mail: Mapping[str, Any]) -> bytes | None:
    tags = mail.get("tags")
    values = tags.get("delivery-key") if isinstance(tags, Mapping) else None
    return delivery_key(*(values if isinstance(values, list) else [values]))
