"""Mails of every kind, ours to keep; and mails that were made to break something."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.delivery.feedback.consequences import consequence
from engine.delivery.feedback.events import Kind
from engine.delivery.feedback.reading import read_mail
from engine.delivery.feedback.rules import BounceRules

CORPUS = Path(__file__).parents[3] / "corpus" / "bounces"
LABELS = json.loads((CORPUS / "labels.json").read_text("utf-8"))
BOUNCE = (CORPUS / "postfix-user-unknown.eml").read_bytes()


@pytest.mark.parametrize("name", sorted(LABELS))
def test_samples(rules: BounceRules, name: str) -> None:
    reading = read_mail((CORPUS / f"{name}.eml").read_bytes(), rules)
    found = [{"kind": each.kind.value, "address": each.address} for each in reading.findings]
    assert (reading.form, found) == (LABELS[name]["form"], LABELS[name]["findings"])


def test_every_sample_has_a_label() -> None:
    assert {path.stem for path in CORPUS.glob("*.eml")} == set(LABELS)


@pytest.mark.parametrize("name", [name for name, label in LABELS.items() if label["form"] in ("auto-reply", "other")])
def test_what_is_no_bounce_withdraws_nobody(rules: BounceRules, name: str) -> None:
    for each in read_mail((CORPUS / f"{name}.eml").read_bytes(), rules).findings:
        assert consequence(each.kind, soft_bounces=99) is None


def test_the_address_that_was_mailed_is_told_beside_the_one_it_forwards_to(rules: BounceRules) -> None:
    (finding,) = read_mail((CORPUS / "postfix-forwarded.eml").read_bytes(), rules).findings
    assert (finding.address, finding.original) == ("new.name@example.com", "old.name@example.org")


def _broken() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "nothing but a line", b"\n"
    yield "no headers", b"hello\n\nthere"
    yield "NUL", b"\x00" * 1_000
    yield "8 bit headers", b"From: MAILER-DAEMON \xff\xfe\nSubject: \xe9\n\n<a@example.com>: user unknown\n"
    yield "unknown charset", b"From: MAILER-DAEMON\nContent-Type: text/plain; charset=klingon\n\n<a@example.com>\n"
    yield "bad encoding", b"From: MAILER-DAEMON\nContent-Transfer-Encoding: base64\n\n!!!\n"
    yield "bad encoded word", b"From: MAILER-DAEMON\nSubject: =?utf-8?b?x?= =?nope?q?=zz?=\n\nx\n"
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(3_000))
    yield "nested without end", b"From: MAILER-DAEMON\n" + nested
    yield "mails in mails", b"Content-Type: message/rfc822\n\n" * 3_000
    yield "a thousand parts", b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\nhello\n" * 20_000
    yield "a thousand addresses", b"From: MAILER-DAEMON\n\n" + b"<a@example.com>: user unknown\n" * 20_000


@pytest.mark.parametrize(("what", "raw"), list(_broken()), ids=[what for what, _ in _broken()])
def test_nothing_that_is_written_in_a_mail_raises(rules: BounceRules, what: str, raw: bytes) -> None:
    read_mail(raw, rules)


@pytest.mark.parametrize("step", [7, 13])
def test_cut_anywhere_it_still_reads(rules: BounceRules, step: int) -> None:
    for end in range(0, len(BOUNCE), step * 11):
        for each in read_mail(BOUNCE[:end], rules).findings:
            assert each.kind in (Kind.HARD, Kind.SOFT, Kind.DELAYED)


def test_what_is_said_of_nobody_in_particular_withdraws_none_of_several(rules: BounceRules) -> None:
    raw = b"From: MAILER-DAEMON\nSubject: failed\n\nNo such user.\n\nTry ann@example.com\nor bob@example.com\nif need be.\n"
    found = read_mail(raw, rules).findings
    assert [(each.address, each.kind) for each in found] == [
        ("ann@example.com", Kind.SOFT),
        ("bob@example.com", Kind.SOFT),
    ]


REPORT = b"""From: MAILER-DAEMON@example.com\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: text/plain\n
%s\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; example.com\n\n%s\n--b--\n"""
FIELDS = b"Final-Recipient: rfc822; %s\nAction: failed\nStatus: 5.0.0\n"


def test_what_the_text_says_of_each_counts_where_the_fields_do_not_tell(rules: BounceRules) -> None:
    said = b"ann@example.com: 550 5.1.1 User unknown\nbob@example.com: 552 5.2.2 Mailbox full"
    fields = FIELDS % b"ann@example.com" + b"\n" + FIELDS % b"bob@example.com"
    found = read_mail(REPORT % (said, fields), rules).findings
    assert [(each.address, each.kind) for each in found] == [
        ("ann@example.com", Kind.HARD),
        ("bob@example.com", Kind.SOFT),
    ]


def test_recipients_without_a_blank_line_between_them(rules: BounceRules) -> None:
    fields = FIELDS % b"ann@example.com" + FIELDS % b"bob@example.com"
    found = read_mail(REPORT % (b"They failed.", fields), rules).findings
    assert [each.address for each in found] == ["ann@example.com", "bob@example.com"]


def test_a_servers_answer_goes_before_advice(rules: BounceRules) -> None:
    advice = b"Ask your domain registrar whether your domain is on a block list.\n\n550 5.1.1 no such user\n\nWas this helpful?"
    (found,) = read_mail(REPORT % (advice, FIELDS % b"ann@example.com"), rules).findings
    assert found.kind is Kind.HARD


def test_a_status_goes_before_what_somebody_adds_to_every_mail(rules: BounceRules) -> None:
    fields = FIELDS.replace(b"5.0.0", b"5.1.1") % b"ann@example.com"
    footer = b"Delivery failed.\n\nThis mail was scanned for viruses and spam."
    (found,) = read_mail(REPORT % (footer, fields), rules).findings
    assert found.kind is Kind.HARD


def test_blank_lines_before_a_mail_count_for_nothing(rules: BounceRules) -> None:
    assert read_mail(b"  \n\n" + BOUNCE, rules).findings == read_mail(BOUNCE, rules).findings


def ses_mail(notice: dict[str, object], *, wrapped: bool, sender: str = "no-reply@sns.amazonaws.com") -> bytes:
    body = json.dumps({"Type": "Notification", "Message": json.dumps(notice)} if wrapped else notice)
    cut = f"{body[:990]}!\n {body[990:]}" if len(body) > 990 else body
    return f"From: Bounces <{sender}>\nSubject: AWS Notification Message\n\n{cut}\n\n--\nTo stop this, follow ...\n".encode()


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("filler", [0, 2_000])
def test_ses_tells_it_by_mail_too(rules: BounceRules, wrapped: bool, filler: int) -> None:
    told = {"emailAddress": "ann@example.com", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    notice = {
        "notificationType": "Bounce",
        "mail": {"source": "x" * filler},
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [told]},
    }
    reading = read_mail(ses_mail(notice, wrapped=wrapped), rules)
    assert [(each.kind, each.address) for each in reading.findings] == [(Kind.HARD, "ann@example.com")]
    assert reading.form == "report"


def test_ses_complaints_by_mail(rules: BounceRules) -> None:
    notice = {"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "ann@example.com"}]}}
    reading = read_mail(ses_mail(notice, wrapped=False), rules)
    assert (reading.form, reading.findings[0].kind) == ("complaint", Kind.COMPLAINT)


def test_what_only_looks_like_a_notice_of_ses_is_none(rules: BounceRules) -> None:
    notice = {"notificationType": "Bounce", "bounce": {"bouncedRecipients": [{"emailAddress": "ann@example.com"}]}}
    assert read_mail(ses_mail(notice, wrapped=False, sender="someone@example.com"), rules).form == "other"
    assert read_mail(b"From: a@sns.amazonaws.com\n\n{ no JSON\n", rules).form == "other"


def test_line_ends_change_nothing(rules: BounceRules) -> None:
    crlf = BOUNCE.replace(b"\n", b"\r\n")
    assert read_mail(crlf, rules).findings == read_mail(BOUNCE, rules).findings


def test_figures(rules: BounceRules, request: pytest.FixtureRequest) -> None:
    """Precision and recall of hard bounces, recipients and complaints found: on our own mails, and on a folder of others
    that MAILRAY_BOUNCE_MAILS names, with a ``labels.json`` like ours."""
    folders = [CORPUS, *(Path(each) for each in os.environ.get("MAILRAY_BOUNCE_MAILS", "").split(os.pathsep) if each)]
    for folder in folders:
        figures = _figures(rules, folder)
        assert figures["precision"] >= 0.97, figures
        assert figures["recall"] >= 0.90, figures
        assert figures["recipients"] >= 0.93, figures
        assert figures["complaints"] >= 0.95, figures


def _figures(rules: BounceRules, folder: Path) -> dict[str, float]:
    right = wrong = missed = named = bounces = complaints = told = 0
    for name, label in json.loads((folder / "labels.json").read_text("utf-8")).items():
        reading = read_mail((folder / f"{name}.eml").read_bytes(), rules)
        wanted = {each["address"].lower() for each in label["findings"] if each["kind"] == "hard"}
        found = {each.address.lower() for each in reading.findings if each.kind is Kind.HARD}
        right, wrong, missed = right + len(wanted & found), wrong + len(found - wanted), missed + len(wanted - found)
        if label["form"] in ("report", "text"):
            everybody = {each["address"].lower() for each in label["findings"]}
            bounces += 1
            named += everybody <= {each.address.lower() for each in reading.findings}
        if label["form"] == "complaint":
            complaints += 1
            told += reading.form == "complaint"
    return {
        "precision": right / max(1, right + wrong),
        "recall": right / max(1, right + missed),
        "recipients": named / max(1, bounces),
        "complaints": told / complaints if complaints else 1.0,
    }
