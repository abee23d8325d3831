"""Postmark: up to 500 messages in a request, an answer for each. It knows no idempotency key.

``postmark:`` sends in the stream ``outbound``, ``postmark:broadcast`` in ``broadcast``, which is the one for campaigns.
https://postmarkapp.com/developer/api/email-api
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import SplitResult, urlencode

from engine.adapters.transports.kind import TransportKind
from engine.adapters.transports.providers import replies, structured
from engine.adapters.transports.providers.capabilities import CAPABILITIES
from engine.adapters.transports.providers.endpoint import batch_of, endpoint_of, schemes, token_of
from engine.adapters.transports.providers.inquiry import HttpInquiry, Question
from engine.adapters.transports.providers.parts import Parts
from engine.adapters.transports.providers.provider import Prepared, Reply, Request, Verdict
from engine.adapters.transports.providers.transport import HttpTransport
from engine.adapters.transports.settings import TransportSettings
from engine.delivery.doubts import Evidence
from engine.delivery.message import Message, Outcome, OutcomeClass

_OWN_ADDRESS: Final = "https://api.postmarkapp.com"
_STREAM: Final = "outbound"

# https://postmarkapp.com/developer/api/overview#error-codes
_NOT_NOW: Final = {100: "maintenance", 429: "too many requests"}
_ABOUT_US: Final = {
    10: "the token is wrong",
    400: "the From address has no sender signature",
    401: "the From address's sender signature is not confirmed",
    405: "the account may not send: no credit",
    412: "the account is pending approval",
    413: "the account may not send",
    1235: "there is no such message stream",
}
_INACTIVE: Final = 406
_INVALID: Final = 300


class Postmark:
    name = "Postmark"
    capabilities = CAPABILITIES["postmark"]
    doubtful = replies.DOUBTFUL

    def __init__(self, url: str, token: str, stream: str, batch: int) -> None:
        self.batch = batch
        self.url = f"{url}/email/batch"
        self._stream = stream
        self._headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Postmark-Server-Token": token,
        }

    def prepare(self, message: Message) -> Prepared | Outcome:
        return structured.prepare(message, self._told)

    def _told(self, parts: Parts, message: Message) -> dict[str, Any]:
        headers = [{"Name": name, "Value": value} for name, value in parts.headers]
        headers.append({"Name": "X-PM-KeepID", "Value": "true"})  # our Message-ID, not one of theirs
        return {
            "From": str(parts.sender),
            "To": str(parts.recipient),
            "ReplyTo": None if parts.reply_to is None else str(parts.reply_to),
            "Subject": parts.subject,
            "TextBody": parts.text,
            "HtmlBody": parts.html,
            "Headers": headers,
            "MessageStream": self._stream,
            "Metadata": {"delivery-key": message.key.hex()},
        }

    def request(self, prepared: Sequence[Prepared]) -> Request:
        return Request(self.url, self._headers, structured.listed(prepared))

    def read(self, reply: Reply, prepared: Sequence[Prepared]) -> Sequence[Verdict] | None:
        told = replies.json_of(reply)
        if reply.status == 200:
            if isinstance(told, list) and len(told) == len(prepared):
                return [self._verdict(reply.status, each) for each in told]
            return structured.unreadable(len(prepared), reply.status)
        if reply.status == 422 and isinstance(told, Mapping):
            verdict = self._verdict(reply.status, told)
        else:
            verdict = replies.verdict_of(self.name, reply)
        if len(prepared) > 1 and isinstance(verdict, Outcome) and verdict.outcome is OutcomeClass.REJECTED:
            return None
        return [verdict] * len(prepared)

    def _verdict(self, status: int, told: object) -> Verdict:
        """What an object with an error code says of its message; codes are Postmark's own and look like HTTP's without being so."""
        code = told.get("ErrorCode") if isinstance(told, Mapping) else None
        if not isinstance(told, Mapping) or not isinstance(code, int):
            return structured.unreadable(1, status)[0]
        if code == 0:
            identifier = replies.identifier_in(told.get("MessageID"))
            return Outcome(OutcomeClass.ACCEPTED, status, detail="accepted", remote_id=identifier)
        if code in _NOT_NOW:
            return Outcome(OutcomeClass.DEFERRED, status, detail=f"{_NOT_NOW[code]} ({code})")
        if code in _ABOUT_US:
            return replies.refused(self.name, f"{_ABOUT_US[code]} ({code})")
        if code == _INVALID and "sender signature" in str(told.get("Message", "")).lower():
            return replies.refused(self.name, f"{_ABOUT_US[400]} ({code})")
        detail = "the recipient is inactive at Postmark" if code == _INACTIVE else "Postmark does not take the message"
        return Outcome(OutcomeClass.REJECTED, status, detail=f"{detail} ({code})")


class PostmarkSearch:
    """The search for sent messages by metadata, by one value at a time. https://postmarkapp.com/developer/api/messages-api"""

    name = Postmark.name
    at_once = 8

    def __init__(self, url: str, token: str, stream: str) -> None:
        self._url = f"{url}/messages/outbound"
        self._stream = stream
        self._headers = {"Accept": "application/json", "X-Postmark-Server-Token": token}

    def question(self, key: bytes) -> Question:
        asked = {"count": 1, "offset": 0, "messagestream": self._stream, "metadata_delivery-key": key.hex()}
        return Question(f"{self._url}?{urlencode(asked)}", self._headers)

    def read(self, reply: Reply, key: bytes) -> Evidence | None:
        """A message counts only if it names the key itself, whatever the search was understood as."""
        told = replies.json_of(reply)
        found = told.get("Messages") if isinstance(told, Mapping) else None
        for each in found if isinstance(found, list) else ():
            metadata = each.get("Metadata") if isinstance(each, Mapping) else None
            if isinstance(metadata, Mapping) and metadata.get("delivery-key") == key.hex():
                status = replies.name_in(each.get("Status")) or "there"
                return Evidence("Postmark", status, replies.identifier_in(each.get("MessageID")) or "")
        return None


def inquire_postmark(url: SplitResult, settings: TransportSettings) -> HttpInquiry:
    endpoint = endpoint_of(url, ("batch",))
    token = token_of(Postmark.name, settings)
    return HttpInquiry(PostmarkSearch(endpoint.url or _OWN_ADDRESS, token, endpoint.path or _STREAM), settings)


def open_postmark(url: SplitResult, settings: TransportSettings) -> HttpTransport:
    endpoint = endpoint_of(url, ("batch",))
    batch = batch_of(url, endpoint, Postmark.capabilities.batch)
    token = token_of(Postmark.name, settings)
    return HttpTransport(Postmark(endpoint.url or _OWN_ADDRESS, token, endpoint.path or _STREAM, batch), settings)


KIND: Final = TransportKind(
    name="postmark",
    schemes=schemes("postmark"),
    example="postmark:broadcast",
    summary="give mail to Postmark, by message stream",
    open=open_postmark,
    keeps_octets=Postmark.capabilities.keeps_octets,
    inquire=inquire_postmark,
)
