"""What a mail that came back says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from engine.delivery.feedback.auto_reply import is_auto_reply
from engine.delivery.feedback.complaint import read_complaint
from engine.delivery.feedback.delivery_status import Failure, read_delivery_status
from engine.delivery.feedback.events import Kind
from engine.delivery.feedback.free_text import is_bounce, is_surely_bounce, read_free_text
from engine.delivery.feedback.mail import addresses, answers, header, parse
from engine.delivery.feedback.rules import BounceRules, Verdict
from engine.delivery.feedback.webhooks.ses_notice import meanings, notice_in


@dataclass(frozen=True, slots=True)
class Finding:
    """What a mail says of one recipient. ``address`` may be empty: a report that does not name its recipient."""

    kind: Kind
    address: str
    status: str
    reason: str
    original: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A mail, understood. ``form`` is ``report`` (RFC 3464, or a notice of SES), ``text``, ``complaint`` (RFC 5965),
    ``auto-reply`` or ``other``."""

    form: str
    message_id: str
    findings: Sequence[Finding] = field(default_factory=tuple)


def read_mail(raw: bytes, rules: BounceRules) -> Reading:
    """Understand a mail. Never raises for what is in it; what is neither bounce nor complaint has no findings that suppress."""
    message = parse(raw)
    form, findings = _read(message, raw, rules)
    return Reading(form, header(message, "Message-ID"), tuple(findings))


def _read(message: Message, raw: bytes, rules: BounceRules) -> tuple[str, list[Finding]]:
    complaint = read_complaint(message)
    if complaint is not None:
        who = complaint.recipients or [""]
        return "complaint", [Finding(complaint.kind, each, "", complaint.reason) for each in who]
    notice = notice_in(message)
    if notice is not None:
        return _of_ses(notice, rules)
    report = read_delivery_status(message)
    if report is not None:
        return "report", list(_judged(report, rules))
    if is_auto_reply(message) and not is_surely_bounce(message):
        return "auto-reply", [Finding(Kind.AUTO_REPLY, each, "", "") for each in addresses(header(message, "From"))[:1]]
    if is_bounce(message):
        told = read_delivery_status(message, in_text=True) or read_free_text(message, raw)
        return "text", list(_judged(told, rules))
    return "other", []


def _of_ses(notice: Mapping[str, Any], rules: BounceRules) -> tuple[str, list[Finding]]:
    findings = [Finding(each.kind, each.address, each.status, each.detail) for each in meanings(notice, rules)]
    return ("complaint" if any(each.kind is Kind.COMPLAINT for each in findings) else "report"), findings


def _judged(failures: Sequence[Failure], rules: BounceRules) -> Iterator[Finding]:
    for each in failures:
        if each.action in ("delivered", "relayed", "expanded"):
            yield Finding(Kind.DELIVERED, each.address, each.status, each.action, each.original)
            continue
        verdict = _verdict(each, rules, alone=len(failures) == 1)
        kind = Kind.DELAYED if each.action == "delayed" else verdict.kind
        yield Finding(kind, each.address, verdict.status or each.status, verdict.reason, each.original)


def _verdict(failure: Failure, rules: BounceRules, *, alone: bool) -> Verdict:
    """What a failure means. What the mail as a whole says counts for a recipient who is ``alone`` in it; of that, the answers
    of servers go first, then the status, then the words of who reports them, which are full of advice."""
    said = [failure.diagnostic, failure.said, *([answers(failure.context)] if alone else [])]
    told = [each for each in dict.fromkeys(said) if each] + ["", *([failure.context] if alone else [])]
    verdicts = [rules.classify(each, failure.status) for each in told]
    verdict = next((each for each in verdicts if each.certain), verdicts[0])
    if verdict.kind is not Kind.HARD or verdict.status.startswith("5.1."):
        return verdict
    if rules.after_data(failure.transcript):
        return Verdict(Kind.SOFT, "refused after the address was accepted", verdict.status)
    return verdict
