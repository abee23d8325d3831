"""Who is withdrawn by what."""

from __future__ import annotations

import pytest

from engine.delivery.feedback.consequences import Cause, Scope, Withdrawal, consequence
from engine.delivery.feedback.events import Kind

WITHDRAWS = {
    Kind.UNSUBSCRIBE: Withdrawal(Scope.LIST, Cause.UNSUBSCRIBED),
    Kind.COMPLAINT: Withdrawal(Scope.EVERYWHERE, Cause.COMPLAINED),
    Kind.HARD: Withdrawal(Scope.EVERYWHERE, Cause.BOUNCED),
}


@pytest.mark.parametrize("kind", list(Kind))
def test_one_event(kind: Kind) -> None:
    assert consequence(kind, 1) == WITHDRAWS.get(kind)


@pytest.mark.parametrize(("soft", "withdrawn"), [(0, False), (1, False), (2, False), (3, True), (9, True)])
def test_soft_bounces_add_up(soft: int, withdrawn: bool) -> None:
    assert (consequence(Kind.SOFT, soft) is not None) is withdrawn


@pytest.mark.parametrize(
    "kind", [Kind.POLICY, Kind.DELAYED, Kind.AUTO_REPLY, Kind.OPEN, Kind.CLICK, Kind.DELIVERED, Kind.OTHER]
)
def test_the_rest_never_does(kind: Kind) -> None:
    assert consequence(kind, 99) is None
