"""Resend: up to 100 messages in a request, taken all or none. A request has a key and is safe to repeat for 24 hours.

A request with one message has the message's own key, whoever sends it and when. One with several has a key of them all: it is
repeated safely as long as its session lives. Thus ``resend:?batch=1`` never mails twice, and is slower.
https://resend.com/docs/api-reference/emails/send-batch-emails
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import SplitResult

from engine.adapters.transports.kind import TransportKind, malformed
from engine.adapters.transports.providers import replies, structured
from engine.adapters.transports.providers.capabilities import CAPABILITIES
from engine.adapters.transports.providers.endpoint import batch_of, endpoint_of, schemes, token_of
from engine.adapters.transports.providers.parts import Parts
from engine.adapters.transports.providers.provider import Prepared, Reply, Request, Verdict
from engine.adapters.transports.providers.transport import HttpTransport
from engine.adapters.transports.settings import TransportSettings
from engine.delivery.doubts import Nobody
from engine.delivery.message import Message, Outcome, OutcomeClass

_OWN_ADDRESS: Final = "https://api.resend.com"
_OUR_ADDRESS_IS_WRONG: Final = "invalid_from_address"


class Resend:
    name = "Resend"
    capabilities = CAPABILITIES["resend"]
    doubtful = replies.DOUBTFUL | {409}  # a request with the same key is under way, or was another

    def __init__(self, url: str, token: str, batch: int) -> None:
        self.batch = batch
        self.url = f"{url}/emails"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def prepare(self, message: Message) -> Prepared | Outcome:
        return structured.prepare(message, _told)

    def request(self, prepared: Sequence[Prepared]) -> Request:
        headers = {**self._headers, "Idempotency-Key": idempotency_key([each.message.key for each in prepared])}
        if len(prepared) == 1:
            return Request(self.url, headers, prepared[0].payload)
        return Request(f"{self.url}/batch", headers, structured.listed(prepared))

    def read(self, reply: Reply, prepared: Sequence[Prepared]) -> Sequence[Verdict] | None:
        told = replies.json_of(reply)
        told = told if isinstance(told, Mapping) else {}
        kind = replies.name_in(told.get("name"))
        verdict = replies.verdict_of(self.name, reply, kind)
        if kind == _OUR_ADDRESS_IS_WRONG:
            verdict = replies.refused(self.name, f"the From address is not one ({kind})")
        if isinstance(verdict, Outcome):
            if verdict.outcome is OutcomeClass.ACCEPTED:
                return _accepted(reply, told, len(prepared))
            if verdict.outcome is OutcomeClass.REJECTED and len(prepared) > 1:
                return None
        return [verdict] * len(prepared)


def idempotency_key(keys: Sequence[bytes]) -> str:
    """Of one message its delivery key, of several a digest of theirs."""
    return (
        f"v1-{keys[0].hex()}"
        if len(keys) == 1
        else f"v1-{len(keys)}-{blake2b(b''.join(keys), digest_size=16).hexdigest()}"
    )


def _accepted(reply: Reply, told: Mapping[str, Any], count: int) -> list[Outcome]:
    """The status says that all were taken; the body, by which names."""
    entries = told.get("data") if count > 1 else [told]
    if not isinstance(entries, list) or len(entries) != count:
        entries = [{}] * count
    return [
        Outcome(
            OutcomeClass.ACCEPTED, reply.status, detail="accepted", remote_id=replies.identifier_in(entry.get("id"))
        )
        for entry in (each if isinstance(each, Mapping) else {} for each in entries)
    ]


def _told(parts: Parts, message: Message) -> dict[str, Any]:  # noqa: ARG001 - a batch takes no tags
    return {
        "from": str(parts.sender),
        "to": [str(parts.recipient)],
        "reply_to": None if parts.reply_to is None else str(parts.reply_to),
        "subject": parts.subject,
        "text": parts.text,
        "html": parts.html,
        "headers": dict(parts.headers),
    }


def inquire_resend(url: SplitResult, settings: TransportSettings) -> Nobody:  # noqa: ARG001 - nobody is asked
    """It finds no message by our key, but knows a message again that is alone in its request."""
    endpoint = endpoint_of(url, ("batch",))
    remembers = Resend.capabilities.remembers if batch_of(url, endpoint, Resend.capabilities.batch) == 1 else None
    return Nobody((remembers or timedelta()) // timedelta(microseconds=1))


def open_resend(url: SplitResult, settings: TransportSettings) -> HttpTransport:
    endpoint = endpoint_of(url, ("batch",))
    if endpoint.path:
        raise malformed(url, "a path", "resend:")
    batch = batch_of(url, endpoint, Resend.capabilities.batch)
    return HttpTransport(Resend(endpoint.url or _OWN_ADDRESS, token_of(Resend.name, settings), batch), settings)


KIND: Final = TransportKind(
    name="resend",
    schemes=schemes("resend"),
    example="resend:",
    summary="give mail to Resend; batch=1 for a key for each message",
    open=open_resend,
    keeps_octets=Resend.capabilities.keeps_octets,
    inquire=inquire_resend,
)
