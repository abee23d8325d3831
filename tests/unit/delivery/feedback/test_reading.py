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
