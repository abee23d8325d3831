"""Providers' webhooks: what is signed is believed, what is changed in any way is not."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.feedback.webhooks import (
    WEBHOOKS,
    ForgedError,
    MalformedError,
    PostmarkWebhook,
    ResendWebhook,
    SendGridWebhook,
    SesWebhook,
    Webhook,
)
from engine.delivery.feedback.webhooks.contract import SECOND

NOW = int(datetime(2026, 3, 2, 9, 0, tzinfo=UTC).timestamp()) * SECOND
HOUR = 3_600 * SECOND
KEY = bytes(range(16))
TOPIC = "arn:aws:sns:eu-west-1:123456789012:feedback"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
SVIX = b"whsec_" + b64encode(b"a secret of the webhook's")


@dataclass(frozen=True)
class Signed:
    """A webhook with a way to sign what it takes."""

    webhook: Webhook
    sign: Callable[[Any, int], tuple[dict[str, str], bytes]]


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(RSA_KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=365))
    return builder.sign(RSA_KEY, SHA256()).public_bytes(Encoding.PEM)


def postmark(payload: Any, _at: int) -> tuple[dict[str, str], bytes]:
    return {"authorization": "Basic " + b64encode(b"hook:password").decode()}, json.dumps(payload).encode()


def sendgrid(payload: Any, at: int) -> tuple[dict[str, str], bytes]:
    body, stamp = json.dumps(payload).encode(), str(at // SECOND)
    signature = EC_KEY.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
    return {
        "x-twilio-email-event-webhook-signature": b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": stamp,
    }, body


def resend(payload: Any, at: int) -> tuple[dict[str, str], bytes]:
    body, stamp = json.dumps(payload).encode(), str(at // SECOND)
    signature = hmac.digest(b64decode(SVIX[6:]), f"msg_1.{stamp}.".encode() + body, "sha256")
    signatures = f"v1,{b64encode(bytes(32)).decode()} v1,{b64encode(signature).decode()}"
    return {"svix-id": "msg_1", "svix-timestamp": stamp, "svix-signature": signatures}, body


def ses(payload: Any, at: int, *, version: str = "2", **changed: str) -> tuple[dict[str, str], bytes]:
    stamp = datetime.fromtimestamp(at / SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    envelope = {
        "Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC, "Message": json.dumps(payload), "Timestamp": stamp,
        "SignatureVersion": version, "SigningCertURL": CERTIFICATE, **changed,
    }  # fmt: skip
    names = ("Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type")
    signed = "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope)
    signature = RSA_KEY.sign(signed.encode(), PKCS1v15(), SHA256() if version == "2" else SHA1())
    return {}, json.dumps({**envelope, "Signature": b64encode(signature).decode()}).encode()


@pytest.fixture
def fetched() -> list[str]:
    return []


@pytest.fixture
def hooks(rules: BounceRules, fetched: list[str]) -> dict[str, Signed]:
    public = b64encode(EC_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return certificate()

    return {
        "postmark": Signed(PostmarkWebhook(b"hook:password", rules), postmark),
        "sendgrid": Signed(SendGridWebhook(public, rules), sendgrid),
        "resend": Signed(ResendWebhook(SVIX, rules), resend),
        "ses": Signed(SesWebhook(TOPIC.encode(), rules, fetch), ses),
    }


def read(hook: Signed, payload: Any, at: int = NOW, now: int = NOW) -> list[FeedbackEvent]:
    headers, body = hook.sign(payload, at)
    return list(hook.webhook.read(headers, body, now))


def ses_bounce(kind: str, sub: str, diagnostic: str, status: str) -> dict[str, Any]:
    recipient = {"emailAddress": "tom@example.net", "status": status, "diagnosticCode": diagnostic}
    return {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": sub,
            "bouncedRecipients": [recipient],
            "timestamp": "2026-03-02T08:59:00Z",
        },
        "mail": {"tags": {"delivery-key": [KEY.hex()]}, "destination": ["tom@example.net"]},
    }


BOUNCES: dict[str, list[tuple[Any, Kind]]] = {
    "ses": [
        (ses_bounce("Permanent", "General", "smtp; 550 5.1.1 user unknown", "5.1.1"), Kind.HARD),
        (ses_bounce("Permanent", "OnAccountSuppressionList", "", ""), Kind.HARD),
        (ses_bounce("Transient", "MailboxFull", "smtp; 552 5.2.2 mailbox full", "5.2.2"), Kind.SOFT),
        (ses_bounce("Transient", "ContentRejected", "", ""), Kind.POLICY),
        (ses_bounce("Permanent", "General", "smtp; 550 5.7.1 blocked: listed at spamhaus", "5.7.1"), Kind.POLICY),
        ({"notificationType": "Complaint", "mail": {"tags": {"delivery-key": [KEY.hex()]}}, "complaint": {
            "complainedRecipients": [{"emailAddress": "tom@example.net"}], "complaintFeedbackType": "abuse"}}, Kind.COMPLAINT),
        ({"eventType": "Delivery", "delivery": {}, "mail": {
            "tags": {"delivery-key": [KEY.hex()]}, "destination": ["tom@example.net"]}}, Kind.DELIVERED),
    ],
    "postmark": [
        ({"RecordType": "Bounce", "ID": 1, "Type": "HardBounce", "Email": "tom@example.net", "Details": "smtp;550 5.1.1 unknown user",
          "Metadata": {"delivery-key": KEY.hex()}}, Kind.HARD),
        ({"RecordType": "Bounce", "ID": 2, "Type": "SoftBounce", "Email": "tom@example.net", "Details": "",
          "Metadata": {"delivery-key": KEY.hex()}}, Kind.SOFT),
        ({"RecordType": "Bounce", "ID": 3, "Type": "Blocked", "Email": "tom@example.net", "Details": "",
          "Metadata": {"delivery-key": KEY.hex()}}, Kind.POLICY),
        ({"RecordType": "SpamComplaint", "ID": 4, "Email": "tom@example.net", "Metadata": {"delivery-key": KEY.hex()}}, Kind.COMPLAINT),
        ({"RecordType": "SubscriptionChange", "Recipient": "tom@example.net", "SuppressSending": True, "MessageID": "m",
          "SuppressionReason": "ManualSuppression", "Metadata": {"delivery-key": KEY.hex()}}, Kind.UNSUBSCRIBE),
        ({"RecordType": "SubscriptionChange", "Recipient": "tom@example.net", "SuppressSending": False, "MessageID": "m",
          "SuppressionReason": None, "Metadata": {"delivery-key": KEY.hex()}}, Kind.OTHER),
        ({"RecordType": "Click", "Recipient": "tom@example.net", "OriginalLink": "https://example.com", "MessageID": "m",
          "Metadata": {"delivery-key": KEY.hex()}}, Kind.CLICK),
    ],
    "sendgrid": [
        ([{"event": "bounce", "email": "tom@example.net", "sg_event_id": "1", "reason": "550 5.1.1 no such user", "status": "5.1.1",
           "type": "bounce", "delivery-key": KEY.hex()}], Kind.HARD),
        ([{"event": "bounce", "email": "tom@example.net", "sg_event_id": "2", "reason": "", "type": "blocked",
           "delivery-key": KEY.hex()}], Kind.POLICY),
        ([{"event": "dropped", "email": "tom@example.net", "sg_event_id": "3", "reason": "Bounced Address",
           "delivery-key": KEY.hex()}], Kind.HARD),
        ([{"event": "spamreport", "email": "tom@example.net", "sg_event_id": "4", "delivery-key": KEY.hex()}], Kind.COMPLAINT),
        ([{"event": "group_unsubscribe", "email": "tom@example.net", "sg_event_id": "5", "delivery-key": KEY.hex()}], Kind.UNSUBSCRIBE),
        ([{"event": "deferred", "email": "tom@example.net", "sg_event_id": "6", "delivery-key": KEY.hex()}], Kind.DELAYED),
        ([{"event": "processed", "email": "tom@example.net", "sg_event_id": "7", "delivery-key": KEY.hex()}], Kind.OTHER),
    ],
    "resend": [
        ({"type": "email.bounced", "created_at": "2026-03-02T08:59:00Z", "data": {
          "to": ["tom@example.net"], "tags": {"delivery-key": KEY.hex()},
          "bounce": {"type": "Permanent", "message": "The recipient's mail server said: 550 5.1.1 user unknown"}}}, Kind.HARD),
        ({"type": "email.bounced", "data": {"to": ["tom@example.net"], "tags": [{"name": "delivery-key", "value": KEY.hex()}],
          "bounce": {"type": "Transient", "message": ""}}}, Kind.SOFT),
        ({"type": "email.complained", "data": {"to": "tom@example.net", "tags": {"delivery-key": KEY.hex()}}}, Kind.COMPLAINT),
        ({"type": "email.clicked", "data": {"to": ["tom@example.net"], "tags": {"delivery-key": KEY.hex()},
          "click": {"link": "https://example.com"}}}, Kind.CLICK),
    ],
}  # fmt: skip
CASES = [(name, payload, kind) for name, cases in BOUNCES.items() for payload, kind in cases]


def test_every_provider_is_tried() -> None:
    assert {each.name for each in WEBHOOKS} == set(BOUNCES)


@pytest.mark.parametrize(("name", "payload", "kind"), CASES)
def test_what_providers_say(hooks: dict[str, Signed], name: str, payload: Any, kind: Kind) -> None:
    (event,) = read(hooks[name], payload)
    assert (event.kind, event.address, event.key, event.source) == (kind, "tom@example.net", KEY, name)
    assert event.at <= NOW
    assert read(hooks[name], payload)[0].id == event.id  # told again it is the same one


@pytest.mark.parametrize("name", sorted(BOUNCES))
def test_a_changed_body_is_not_believed(hooks: dict[str, Signed], name: str) -> None:
    hook = hooks[name]
    headers, body = hook.sign(BOUNCES[name][0][0], NOW)
    changed = body.replace(b"tom@example.net", b"eve@example.net")
    if name == "postmark":  # which does not sign
        headers = {}
    assert changed != body
    with pytest.raises(ForgedError):
        hook.webhook.read(headers, changed, NOW)


@pytest.mark.parametrize("name", sorted(BOUNCES))
def test_without_a_signature_nothing_is_believed(hooks: dict[str, Signed], name: str) -> None:
    _, body = hooks[name].sign(BOUNCES[name][0][0], NOW)
    unsigned = json.dumps({**json.loads(body), "Signature": ""}).encode() if name == "ses" else body
    with pytest.raises(ForgedError):
        hooks[name].webhook.read({}, unsigned, NOW)


@pytest.mark.parametrize("name", ["sendgrid", "resend", "ses"])
@pytest.mark.parametrize("away", [-2 * HOUR, 2 * HOUR])
def test_what_was_signed_at_another_time_is_not_believed(hooks: dict[str, Signed], name: str, away: int) -> None:
    with pytest.raises(ForgedError):
        read(hooks[name], BOUNCES[name][0][0], at=NOW + away)


@pytest.mark.parametrize("header", ["authorization"])
@pytest.mark.parametrize(
    "value", ["", "Basic", "Basic !!!", "Basic " + b64encode(b"hook:passwort").decode(), "Bearer hook:password"]
)
def test_wrong_credentials(hooks: dict[str, Signed], header: str, value: str) -> None:
    _, body = postmark(BOUNCES["postmark"][0][0], NOW)
    with pytest.raises(ForgedError):
        hooks["postmark"].webhook.read({header: value}, body, NOW)


@pytest.mark.parametrize(("name", "payload"), [("postmark", []), ("sendgrid", {}), ("resend", [1]), ("ses", [])])
def test_genuine_but_not_understood(hooks: dict[str, Signed], name: str, payload: Any) -> None:
    with pytest.raises(MalformedError):
        read(hooks[name], payload)


def test_sns_first_signature_version(hooks: dict[str, Signed]) -> None:
    headers, body = ses(BOUNCES["ses"][0][0], NOW, version="1")
    (event,) = hooks["ses"].webhook.read(headers, body, NOW)
    assert event.kind is Kind.HARD


def test_sns_certificates_are_fetched_once(hooks: dict[str, Signed], fetched: list[str]) -> None:
    for _ in range(3):
        read(hooks["ses"], BOUNCES["ses"][0][0])
    assert fetched == [CERTIFICATE]


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/x.pem", "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem", "https://127.0.0.1/x.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com", "https://sns.eu-west-1.amazonaws.com@evil.example/", "file:///etc/passwd",
        "https://sns.eu-west-1.amazonaws.com:8080/x.pem", "https://s3.eu-west-1.amazonaws.com/mine/x.pem", "", "https://[",
    ],
)  # fmt: skip
def test_sns_certificates_come_from_amazon_alone(hooks: dict[str, Signed], fetched: list[str], url: str) -> None:
    headers, body = ses(BOUNCES["ses"][0][0], NOW, SigningCertURL=url)
    with pytest.raises(ForgedError):
        hooks["ses"].webhook.read(headers, body, NOW)
    assert fetched == []


def test_sns_of_another_topic_is_refused_before_anything_is_fetched(
    hooks: dict[str, Signed], fetched: list[str]
) -> None:
    headers, body = ses(BOUNCES["ses"][0][0], NOW, TopicArn="arn:aws:sns:eu-west-1:999999999999:theirs")
    with pytest.raises(ForgedError):
        hooks["ses"].webhook.read(headers, body, NOW)
    assert fetched == []


def test_a_subscription_is_confirmed(hooks: dict[str, Signed], fetched: list[str]) -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    headers, body = ses("", NOW, Type="SubscriptionConfirmation", SubscribeURL=url, Token="t")
    assert hooks["ses"].webhook.read(headers, body, NOW) == []
    assert fetched == [CERTIFICATE, url]


def test_a_subscription_elsewhere_is_not_confirmed(hooks: dict[str, Signed], fetched: list[str]) -> None:
    headers, body = ses("", NOW, Type="SubscriptionConfirmation", SubscribeURL="https://evil.example/", Token="t")
    with pytest.raises(ForgedError):
        hooks["ses"].webhook.read(headers, body, NOW)
    assert fetched == [CERTIFICATE]


@pytest.mark.parametrize("secret", [b"", b"not base64!", b64encode(b"no key")])
def test_keys_that_are_none(rules: BounceRules, secret: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        SendGridWebhook(secret, rules)


def test_a_key_of_another_kind(rules: BounceRules) -> None:
    public = RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="ECDSA"):
        SendGridWebhook(b64encode(public), rules)
