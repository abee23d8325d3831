import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery.message import Outcome, OutcomeClass
from engine.delivery.outcomes import classify

ACCEPTED, DEFERRED, REJECTED, UNKNOWN = OutcomeClass


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (250, "2.0.0 Ok: queued as 4XyZ12", Outcome(ACCEPTED, 250, "2.0.0", "accepted", "4XyZ12")),
        (250, "OK id=1tFabc-0001-Xy", Outcome(ACCEPTED, 250, None, "accepted", "1tFabc-0001-Xy")),
        (250, "2.6.0 <a@example.com> [InternalId=12, Hostname=x] Queued", Outcome(ACCEPTED, 250, "2.6.0", "accepted", "12")),
        (250, "2.0.0 Ok: queued as someone@example.com", Outcome(ACCEPTED, 250, "2.0.0", "accepted", None)),
        (250, "2.0.0 Ok", Outcome(ACCEPTED, 250, "2.0.0", "accepted")),
        (421, "4.7.0 Try again later", Outcome(DEFERRED, 421, "4.7.0", "refused by policy")),
        (450, "4.2.0 Greylisted", Outcome(DEFERRED, 450, "4.2.0", "mailbox problem")),
        (451, "local trouble", Outcome(DEFERRED, 451, None, "local error")),
        (499, "", Outcome(DEFERRED, 499, None, "temporary failure")),
        (550, "5.1.1 <x@example.org>: user unknown", Outcome(REJECTED, 550, "5.1.1", "no such mailbox")),
        (550, "5.7.26 Unauthenticated", Outcome(REJECTED, 550, "5.7.26", "authentication checks failed")),
        (552, "4.2.2 mailbox full", Outcome(REJECTED, 552, "4.2.2", "mailbox full")),
        (599, "5.99.99 odd", Outcome(REJECTED, 599, "5.99.99", "permanent failure")),
        (354, "go on", Outcome(UNKNOWN, 354, None, "the reply is not one")),
        (0, "garbage", Outcome(UNKNOWN, 0, None, "the reply is not one")),
        (250, "2.0.0.1 is a version", Outcome(ACCEPTED, 250, None, "accepted")),
    ],
)  # fmt: skip
def test_replies(code: int, text: str, expected: Outcome) -> None:
    assert classify(code, None, text) == expected


def test_a_status_that_the_transport_has_parsed_is_kept() -> None:
    assert classify(550, "5.2.1", "5.1.1 no") == Outcome(REJECTED, 550, "5.2.1", "mailbox disabled")


@given(st.integers(200, 599), st.text(max_size=80), st.emails())
def test_no_address_gets_into_a_ledger(code: int, text: str, address: str) -> None:
    outcome = classify(code, None, f"{text} <{address}> queued as {address} id={address}")
    assert "@" not in outcome.detail + (outcome.enhanced or "") + (outcome.remote_id or "")


@given(st.integers(500, 599), st.text())
def test_a_permanent_refusal_is_never_tried_again(code: int, text: str) -> None:
    assert classify(code, None, text).outcome is REJECTED
