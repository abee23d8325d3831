"""Who a campaign's messages come from, and the headers that are the same in all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

import pyarrow as pa

from engine.campaign.schema import Campaign
from engine.delivery.mime.addresses import wire_address
from engine.delivery.mime.columns import HeaderError
from engine.delivery.mime.headers import mailboxes
from engine.errors import CampaignError, Diagnostic

# Neither can be folded, and with the header's name, a token and brackets they stay within a line's 998 octets.
_URL = re.compile(r"https://[A-Za-z0-9\[](?:[\w.~:/?\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}){0,680}", re.ASCII)
_FEEDBACK_FIELD = re.compile(r"[\w.~-]{1,200}", re.ASCII)
_MOST_IN_SENDER_ID = 15  # Google reads 5 to 15 characters


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """The campaign's side of every message, as its author wrote it.

    A recipient's token is appended to ``unsubscribe_url``; ``unsubscribe_mailto`` is an address. ``campaign``, ``customer`` and
    ``mail_type`` are what mailbox providers count complaints by (Feedback-ID).
    """

    address: str
    campaign: str
    customer: str
    mail_type: str
    name: str | None = None
    reply_to: str | None = None
    return_path: str | None = None
    unsubscribe_url: str | None = None
    unsubscribe_mailto: str | None = None

    @classmethod
    def of(cls, campaign: Campaign, tenant: str) -> SenderIdentity:
        """The identity that a campaign file states."""
        delivery = campaign.delivery
        return cls(
            address=delivery.from_.address,
            campaign=campaign.name,
            customer=tenant,
            mail_type=campaign.type.value,
            name=delivery.from_.name,
            reply_to=delivery.reply_to,
            return_path=delivery.return_path,
            unsubscribe_url=delivery.unsubscribe.url if delivery.unsubscribe else None,
            unsubscribe_mailto=delivery.unsubscribe.mailto if delivery.unsubscribe else None,
        )


@dataclass(frozen=True, slots=True)
class SenderHeaders:
    """A sender's identity in wire form. ``around_token`` is List-Unsubscribe cut where the recipient's token stands; empty without one."""

    from_mailbox: str
    domain: str
    reply_to: str | None
    return_path: str
    feedback_id: str
    around_token: tuple[str, ...]

    @classmethod
    def of(cls, identity: SenderIdentity, smtputf8: bool) -> SenderHeaders:
        """Raises CampaignError (MR709) with every value that cannot stand in a header."""
        check = _Check(smtputf8)
        address = check.address("delivery.from.address", identity.address)
        mailto = check.address("delivery.unsubscribe.mailto", identity.unsubscribe_mailto)
        headers = cls(
            from_mailbox=check.mailbox("delivery.from.name", identity.name, address),
            domain=address.rpartition("@")[2],
            reply_to=check.address("delivery.reply_to", identity.reply_to) or None,
            return_path=check.address("delivery.return_path", identity.return_path) or address,
            feedback_id=check.feedback_id(identity, address),
            around_token=_around_token(check.url("delivery.unsubscribe.url", identity.unsubscribe_url), mailto),
        )
        if check.faults:
            raise CampaignError(*check.faults)
        return headers


class _Check:
    """Wire forms of an author's values; what has none is remembered as a fault, and becomes empty."""

    def __init__(self, smtputf8: bool) -> None:
        self.faults: list[Diagnostic] = []
        self._smtputf8 = smtputf8

    def address(self, setting: str, value: str | None) -> str:
        try:
            return "" if value is None else wire_address(value, self._smtputf8)
        except HeaderError as fault:
            return self._refuse(setting, str(fault))

    def mailbox(self, setting: str, name: str | None, address: str) -> str:
        texts, faults = mailboxes("From: ", pa.array([name], pa.string()), pa.array([address], pa.string()))
        return self._refuse(setting, faults[0]) if faults else texts.to_pylist()[0]

    def url(self, setting: str, value: str | None) -> str:
        if value is None or _URL.fullmatch(value):
            return value or ""
        return self._refuse(
            setting, "is no https URL in ASCII of at most 700 characters to which a token can be appended"
        )

    def feedback_id(self, identity: SenderIdentity, address: str) -> str:
        domain = address.rpartition("@")[2]
        parts = (identity.campaign, identity.customer, identity.mail_type, domain[:_MOST_IN_SENDER_ID].rstrip(".-"))
        for part in parts[:3]:
            if not _FEEDBACK_FIELD.fullmatch(part):
                return self._refuse("Feedback-ID", f"cannot hold {part!r}: letters, digits and ._~- only, at most 200")
        return ":".join(parts)

    def _refuse(self, setting: str, reason: str) -> str:
        self.faults.append(Diagnostic("MR709", f"{setting} {reason}"))
        return ""


def _around_token(url: str, mailto: str) -> tuple[str, ...]:
    """RFC 2369 and RFC 8058: no URL is folded or encoded, and the one with https comes first."""
    if not url:
        return ()
    if not mailto:
        return f"List-Unsubscribe: <{url}", ">\r\n"
    return f"List-Unsubscribe: <{url}", f">,\r\n <mailto:{quote(mailto, safe='@+')}?subject=", ">\r\n"
