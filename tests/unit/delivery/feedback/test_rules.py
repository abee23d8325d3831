"""What a diagnostic means: phrases first, then codes, and what nobody can tell is soft."""

from __future__ import annotations

import time

import pytest

from engine.delivery.feedback.events import Kind
from engine.delivery.feedback.rules import BounceRules

HARD, SOFT, POLICY = Kind.HARD, Kind.SOFT, Kind.POLICY


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (HARD, "550 5.1.1 <a@example.com>: Recipient address rejected: User unknown in local recipient table"),
        (HARD, "550 No such user here"),
        (HARD, "550 #5.1.0 Address rejected a@example.com: unknown recipient"),
        (HARD, "550 5.4.1 Recipient address rejected: Access denied."),
        (HARD, "550 5.7.1 <a@example.com>: Recipient address rejected: user unknown"),
        (HARD, "554 delivery error: dd This user doesn't have a example.com account"),
        (HARD, "Host or domain name not found. Name service error for name=example.invalid type=A: Host not found"),
        (HARD, "Domain example.com does not accept mail (nullMX)"),
        (HARD, "Unrouteable address"),
        (HARD, "Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)"),
        (POLICY, "Connected to 192.0.2.1 but my name was rejected. Remote host said: 501 5.0.0 Invalid domain name"),
        (HARD, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient a@example.com not found by SMTP address lookup"),
        (HARD, "551 5.1.6 mailbox has moved"),
        (HARD, "L'adresse de messagerie n'existe pas"),
        (HARD, "550 #5.1.0 Address rejected."),
        (HARD, "554 RCPT (ann@example.com) dosn't exist"),
        (HARD, "553 sorry, your envelope recipient is in my badrcptto list"),
        (HARD, "550 5.1.1 <a@example.com>: inactive email address"),
        (HARD, "521 5.3.2 <a@example.com>: System not accepting network messages"),
        (HARD, "550 5.4.1 example.com does not receive email: returned Null MX"),
        (HARD, "550 Este endereço não existe"),
        (HARD, "550 用户不存在"),
        (
            HARD,
            "rejected by the server for the recipient domain example.com: 550 5.1.0 Recipient rejected: <a@example.com>",
        ),
        (HARD, "550 BAD_RECIPIENT - see http://www.example.com/undelivered"),
        (POLICY, "554 5.7.1 <a@example.com>: Recipient address rejected: Access denied"),
        (SOFT, "550 5.2.1 <a@example.com>: mailbox is inactive"),
        (SOFT, "550 [SUSPEND] Mailbox currently suspended"),
        (POLICY, "550 From: domain is invalid"),
        (POLICY, "550 this server does not accept mail from example.net"),
        (POLICY, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
        (POLICY, "The group may not exist, or you have no permission to post. https://groups.google.com/support/"),
        (Kind.DELAYED, "THIS IS A WARNING MESSAGE ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE."),
        (SOFT, "552 5.2.2 The email account that you tried to reach is over quota"),
        (SOFT, "452 4.2.2 Mailbox full"),
        (SOFT, "550 5.2.1 The email account that you tried to reach is disabled"),
        (SOFT, "connect to mx.example.com[192.0.2.1]:25: Connection timed out"),
        (SOFT, "450 4.2.0 <a@example.com>: Recipient address rejected: Greylisted, try again later"),
        (SOFT, "Host not found, try again"),
        (SOFT, "554 something nobody has read before"),
        (POLICY, "550 5.7.1 Message rejected as spam by content filtering"),
        (POLICY, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"),
        (POLICY, "550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy"),
        (POLICY, "550 5.7.25 The IP address sending this message does not have a PTR record setup"),
        (POLICY, "553 5.1.8 <a@example.com>... Domain of sender address a@example.com does not exist"),
        (POLICY, "550 5.1.0 Sender rejected: unknown user"),
        (POLICY, "550 relay access denied"),
        (POLICY, "552 5.3.4 Message size exceeds fixed limit"),
        (POLICY, "SMTP error from remote mail server after MAIL FROM:<a@example.com>: 550 No such domain"),
    ],
)
def test_phrases(rules: BounceRules, kind: Kind, text: str) -> None:
    assert rules.classify(text).kind is kind


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (HARD, "5.1.1"), (HARD, "5.1.2"), (HARD, "5.1.3"), (HARD, "5.1.6"), (HARD, "5.1.10"),
        (POLICY, "5.1.7"), (POLICY, "5.1.8"), (SOFT, "5.2.1"), (SOFT, "5.2.2"), (POLICY, "5.2.3"), (POLICY, "5.3.4"),
        (SOFT, "4.4.1"), (SOFT, "5.4.7"), (SOFT, "4.4.7"), (POLICY, "5.6.1"), (POLICY, "5.7.1"), (POLICY, "4.7.0"),
        (SOFT, "5.0.0"), (SOFT, "5.5.0"), (SOFT, "4.1.1"), (SOFT, ""),
    ],
)  # fmt: skip
def test_codes_alone(rules: BounceRules, kind: Kind, status: str) -> None:
    assert rules.classify("", status).kind is kind


def test_policy_never_depends_on_the_code(rules: BounceRules) -> None:
    """A blocked sender with the code of an unknown mailbox says nothing of the person."""
    assert rules.classify("550 5.1.1 your IP is listed on a block list").kind is POLICY


def test_what_is_always_answered_late_is_not_taken_for_a_filter(rules: BounceRules) -> None:
    late = "(in reply to end of DATA command)"
    assert rules.after_data(f"550 User unknown {late}")
    assert not rules.after_data(f"554 delivery error: dd This user doesn't have a example.com account {late}")
    assert not rules.after_data(
        f"550 invalid mailbox. Local mailbox ann@example.com is unavailable: user not found {late}"
    )


def test_what_an_address_is_made_of_says_nothing(rules: BounceRules) -> None:
    assert rules.classify("550 <does-not-exist.user-unknown@example.com>: The mailbox is full").kind is SOFT
    assert rules.classify("550 <spam.blocked@example.com>: user unknown").kind is HARD


def test_numbers_that_are_no_codes(rules: BounceRules) -> None:
    verdict = rules.classify("host mx[192.0.2.5] version 4.1.1.9 of mailer 2.0.12 said something")
    assert verdict.status == ""
    assert not verdict.certain


def test_a_code_that_the_reporting_system_made_up_does_not_go_before_a_phrase(rules: BounceRules) -> None:
    """Sendmail says 5.1.1 for every 550 without a code."""
    assert rules.classify("550 Mailbox currently suspended", "5.1.1").kind is SOFT
    assert rules.classify("550 5.1.1 Mailbox currently suspended", "5.1.1").kind is HARD


def test_a_code_that_tells_goes_before_one_that_does_not(rules: BounceRules) -> None:
    assert rules.classify("550 5.1.1 gone", "5.0.0").status == "5.1.1"


def test_rejected_is_weak(rules: BounceRules) -> None:
    """Where only "rejected" stands, the code tells more."""
    assert rules.classify("550 5.1.1 Address rejected").kind is HARD
    assert not rules.classify("550 Address rejected").certain


@pytest.mark.parametrize("filler", ["a@b.example ", "mailbox ", "not not ", "the ", "550-", "<" * 9, "user  "])
def test_long_texts_take_no_time(rules: BounceRules, filler: str) -> None:
    """No text makes the patterns backtrack without end: a second is a hundred times what is needed."""
    start = time.process_time()
    rules.classify(filler * 100_000)
    assert time.process_time() - start < 1


def test_a_file_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError):
        BounceRules.parse("x = 1")
    with pytest.raises(ValueError, match="Invalid"):
        BounceRules.parse("<html>")
