"""A receiver of your own: a POST for each message, with the message's octets as its body (``message/rfc822``).

    Idempotency-Key   v1- and the delivery key, the same whenever the message is sent
    Envelope-From     the addresses of the envelope, UTF-8 and percent-encoded where they are not ASCII
    Envelope-To
    Authorization     Bearer and the credentials, if there are any

2xx: it is yours now. 400, 413, 422: never. 408, 425, 429, 500, 503: later, by Retry-After. 502, 504, or no answer: in doubt.
Anything else stops the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, quote

from engine.adapters.transports.kind import TransportKind
from engine.adapters.transports.providers import replies
from engine.adapters.transports.providers.capabilities import CAPABILITIES
from engine.adapters.transports.providers.endpoint import endpoint_of, token_of
from engine.adapters.transports.providers.provider import Prepared, Reply, Request, Verdict
from engine.adapters.transports.providers.transport import HttpTransport
from engine.adapters.transports.settings import TransportSettings
from engine.delivery.message import Message, Outcome

_IN_ADDRESSES: Final = "!#$&'*+-/=?^_`{|}~.@"


class Webhook:
    name = "the webhook"
    capabilities = CAPABILITIES["webhook"]
    batch = capabilities.batch
    doubtful = replies.DOUBTFUL

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._headers = {"Content-Type": "message/rfc822"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def prepare(self, message: Message) -> Prepared | Outcome:
        return Prepared(message, bytes(message.content))

    def request(self, prepared: Sequence[Prepared]) -> Request:
        message, content = prepared[0]
        envelope = {
            "Idempotency-Key": f"v1-{message.key.hex()}",
            "Envelope-From": quote(message.sender, safe=_IN_ADDRESSES),
            "Envelope-To": quote(message.recipient, safe=_IN_ADDRESSES),
        }
        return Request(self.url, self._headers | envelope, content)

    def read(self, reply: Reply, prepared: Sequence[Prepared]) -> Sequence[Verdict] | None:
        return [replies.verdict_of(self.name, reply)]


def open_webhook(url: SplitResult, settings: TransportSettings) -> HttpTransport:
    endpoint = endpoint_of(url)
    token = None if settings.credentials is None else token_of(Webhook.name, settings)
    return HttpTransport(Webhook(f"{endpoint.url}{url.path or '/'}", token), settings)


KIND: Final = TransportKind(
    name="webhook",
    schemes=("https+webhook", "http+webhook"),
    example="https+webhook://mail.example.com/messages",
    summary="post each message, as it is, to an address of your own",
    open=open_webhook,
)
