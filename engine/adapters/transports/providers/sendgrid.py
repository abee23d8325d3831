"""Twilio SendGrid: one message in a request, since what it sends to many is one text. It knows no idempotency key.

``https+sendgrid://api.eu.sendgrid.com`` is its European address. https://www.twilio.com/docs/sendgrid/api-reference/mail-send
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import SplitResult, urlencode

from engine.adapters.transports.kind import TransportKind, malformed
from engine.adapters.transports.providers import replies, structured
from engine.adapters.transports.providers.capabilities import CAPABILITIES
from engine.adapters.transports.providers.endpoint import endpoint_of, schemes, token_of
from engine.adapters.transports.providers.inquiry import HttpInquiry, Question
from engine.adapters.transports.providers.parts import Mailbox, Parts
from engine.adapters.transports.providers.provider import Prepared, Reply, Request, Verdict
from engine.adapters.transports.providers.transport import HttpTransport
from engine.adapters.transports.settings import TransportSettings
from engine.delivery.doubts import Evidence
from engine.delivery.message import Message, Outcome, OutcomeClass

_OWN_ADDRESS: Final = "https://api.sendgrid.com"


class SendGrid:
    name = "SendGrid"
    capabilities = CAPABILITIES["sendgrid"]
    batch = capabilities.batch
    doubtful = replies.DOUBTFUL

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}/v3/mail/send"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def prepare(self, message: Message) -> Prepared | Outcome:
        return structured.prepare(message, _told)

    def request(self, prepared: Sequence[Prepared]) -> Request:
        return Request(self.url, self._headers, prepared[0].payload)

    def read(self, reply: Reply, prepared: Sequence[Prepared]) -> Sequence[Verdict] | None:
        verdict = replies.verdict_of(self.name, reply)
        if isinstance(verdict, Outcome) and verdict.outcome is OutcomeClass.ACCEPTED:
            verdict = replace(verdict, remote_id=replies.identifier_in(reply.headers.get("x-message-id")))
        return [verdict]


def _told(parts: Parts, message: Message) -> dict[str, Any]:
    bodies = (("text/plain", parts.text), ("text/html", parts.html))  # in this order, or SendGrid refuses them
    return {
        "personalizations": [{"to": [_mailbox(parts.recipient)]}],
        "from": _mailbox(parts.sender),
        "reply_to": None if parts.reply_to is None else _mailbox(parts.reply_to),
        "subject": parts.subject,
        "content": [{"type": kind, "value": text} for kind, text in bodies if text is not None],
        "headers": dict(parts.headers),
        "custom_args": {"delivery-key": message.key.hex()},
    }


def _mailbox(mailbox: Mailbox) -> dict[str, str]:
    return {"email": mailbox.address, "name": mailbox.name} if mailbox.name else {"email": mailbox.address}


class SendGridActivity:
    """The activity of messages by their own arguments: for accounts that have bought it, six questions a minute.

    https://www.twilio.com/docs/sendgrid/api-reference/email-activity/filter-all-messages
    """

    name = SendGrid.name
    at_once = 1

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/v3/messages"
        self._headers = {"Authorization": f"Bearer {token}"}

    def question(self, key: bytes) -> Question:
        asked = {"limit": 1, "query": f"(unique_args['delivery-key']=\"{key.hex()}\")"}
        return Question(f"{self._url}?{urlencode(asked)}", self._headers)

    def read(self, reply: Reply, key: bytes) -> Evidence | None:
        told = replies.json_of(reply)
        found = told.get("messages") if isinstance(told, Mapping) else None
        if not isinstance(found, list) or not found or not isinstance(found[0], Mapping):
            return None
        identifier = replies.identifier_in(found[0].get("msg_id"))
        return Evidence("SendGrid", replies.name_in(found[0].get("status")) or "there", identifier or "")


def inquire_sendgrid(url: SplitResult, settings: TransportSettings) -> HttpInquiry:
    endpoint = endpoint_of(url)
    return HttpInquiry(SendGridActivity(endpoint.url or _OWN_ADDRESS, token_of(SendGrid.name, settings)), settings)


def open_sendgrid(url: SplitResult, settings: TransportSettings) -> HttpTransport:
    endpoint = endpoint_of(url)
    if endpoint.path:
        raise malformed(url, "a path", "sendgrid:")
    return HttpTransport(SendGrid(endpoint.url or _OWN_ADDRESS, token_of(SendGrid.name, settings)), settings)


KIND: Final = TransportKind(
    name="sendgrid",
    schemes=schemes("sendgrid"),
    example="sendgrid:",
    summary="give mail to Twilio SendGrid",
    open=open_sendgrid,
    keeps_octets=SendGrid.capabilities.keeps_octets,
    inquire=inquire_sendgrid,
)
