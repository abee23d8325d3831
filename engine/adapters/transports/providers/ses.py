"""Amazon SES, version 2 of its interface: one message in a request, as octets. It knows no idempotency key.

``ses:`` is the region that the AWS settings name, ``ses:eu-west-1`` another, ``?configuration_set=NAME`` a set of events. Without
``delivery.credentials`` (ID:SECRET) the AWS SDK finds some: environment, profile, role. The SDK itself sends nothing, since it repeats
requests whose reply was lost: it says where the interface is and signs.

SES writes a Message-ID and a Date of its own and signs the message; what became of it is told by events with the tag delivery-key.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import SplitResult

from engine.adapters.transports.kind import TransportKind, malformed
from engine.adapters.transports.providers import replies
from engine.adapters.transports.providers.capabilities import CAPABILITIES
from engine.adapters.transports.providers.endpoint import endpoint_of, schemes
from engine.adapters.transports.providers.provider import Prepared, Reply, Request, Verdict
from engine.adapters.transports.providers.transport import HttpTransport
from engine.adapters.transports.settings import TransportSettings
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.errors import CampaignError

_CONFIGURATION_SET: Final = "configuration_set"
_NOT_NOW: Final = frozenset({"TooManyRequestsException", "LimitExceededException", "ThrottlingException", "Throttling"})
_ABOUT_US: Final = {
    "AccountSuspendedException": "the account may not send any more",
    "SendingPausedException": "sending is paused for the account or its configuration set",
    "MailFromDomainNotVerifiedException": "the MAIL FROM domain is not verified",
    "NotFoundException": "there is no such configuration set",
}


class Ses:
    name = "Amazon SES"
    capabilities = CAPABILITIES["ses"]
    batch = capabilities.batch
    doubtful = replies.DOUBTFUL

    def __init__(self, url: str, region: str, credentials: Any, configuration_set: str | None) -> None:
        self.url = f"{url}/v2/email/outbound-emails"
        self._region = region
        self._credentials = credentials
        self._configuration_set = configuration_set

    def prepare(self, message: Message) -> Prepared | Outcome:
        asked = {
            "FromEmailAddress": message.sender,
            "Destination": {"ToAddresses": [message.recipient]},
            "Content": {"Raw": {"Data": b64encode(message.content).decode()}},
            "EmailTags": [{"Name": "delivery-key", "Value": message.key.hex()}],
        }
        if self._configuration_set is not None:
            asked["ConfigurationSetName"] = self._configuration_set
        return Prepared(message, json.dumps(asked).encode())

    def request(self, prepared: Sequence[Prepared]) -> Request:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        body = prepared[0].payload
        request = AWSRequest("POST", self.url, {"Content-Type": "application/json"}, body)
        SigV4Auth(self._credentials.get_frozen_credentials(), "ses", self._region).add_auth(request)
        return Request(self.url, dict(request.headers.items()), body)

    def read(self, reply: Reply, prepared: Sequence[Prepared]) -> Sequence[Verdict] | None:
        told = replies.json_of(reply)
        told = told if isinstance(told, dict) else {}
        kind = _error(reply, told)
        verdict = replies.verdict_of(self.name, reply, kind)
        if isinstance(verdict, Outcome) and verdict.outcome is OutcomeClass.ACCEPTED:
            return [replace(verdict, remote_id=replies.identifier_in(told.get("MessageId")))]
        if kind in _NOT_NOW:
            return [Outcome(OutcomeClass.DEFERRED, reply.status, detail=kind)]
        if kind in _ABOUT_US:
            return [replies.refused(self.name, f"{_ABOUT_US[kind]} ({kind})")]
        if kind == "MessageRejected" and "not verified" in str(told.get("message", told.get("Message", ""))):
            return [replies.refused(self.name, "an address or domain is not verified (MessageRejected)")]
        return [verdict]


def _error(reply: Reply, told: dict[str, Any]) -> str:
    """The error's kind, by the header or the body: ``MessageRejected``."""
    said = reply.headers.get("x-amzn-errortype") or told.get("__type") or told.get("code") or ""
    return replies.name_in(str(said).partition(":")[0].rpartition("#")[2])


def open_ses(url: SplitResult, settings: TransportSettings) -> HttpTransport:
    """Raises CampaignError when the AWS settings name no region or no credentials."""
    import boto3
    from botocore.exceptions import BotoCoreError

    endpoint = endpoint_of(url, (_CONFIGURATION_SET,))
    if "/" in endpoint.path:
        raise malformed(url, "more than a region", "ses:eu-west-1")
    given = settings.credentials
    if given is not None and not given.username:
        raise CampaignError.single(
            "MR166", "Amazon SES asks for ID:SECRET", help="an access key's id, a colon, its secret"
        )
    keys = (None, None) if given is None else (given.username, given.password)
    try:
        session = boto3.Session(*keys, region_name=endpoint.path or None)
        client = session.client("sesv2", endpoint_url=endpoint.url)
        credentials = session.get_credentials()
    except (BotoCoreError, ValueError) as fault:
        raise CampaignError.single("MR166", f"the AWS settings do not serve: {fault}", help="ses:REGION") from fault
    if credentials is None:
        raise CampaignError.single(
            "MR166", "Amazon SES asks for credentials", help="`delivery.credentials`, or those of the AWS SDK"
        )
    ses = Ses(client.meta.endpoint_url, client.meta.region_name, credentials, endpoint.options.get(_CONFIGURATION_SET))
    return HttpTransport(ses, settings)


KIND: Final = TransportKind(
    name="ses",
    schemes=schemes("ses"),
    example="ses:eu-west-1",
    summary="give mail to Amazon SES, by region",
    open=open_ses,
    keeps_octets=Ses.capabilities.keeps_octets,
)
