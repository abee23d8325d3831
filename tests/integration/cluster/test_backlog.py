"""Partitions whose delivery actor was lost come again, some times; the ledger's refusals are waited out only when they can end."""

import pytest
from ray.exceptions import ActorDiedError

from engine.cluster.backlog import LEAST_REST_SECONDS, MOST_LOSSES, PAUSE_SECONDS, DeliveryBacklog
from engine.errors import RefusedError, TryAgainError
from engine.pipeline.work import DeliveryWork

LEASE = 60.0
ONE, TWO = DeliveryWork(1, 10), DeliveryWork(2, 10)
GONE = ActorDiedError()
HELD = RefusedError.single("MR601", "partition 1 is being delivered by process 9 on elsewhere")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backlog(clock: Clock) -> DeliveryBacklog:
    return DeliveryBacklog([ONE, TWO], LEASE, clock)


def test_works_are_taken_in_order_until_none_is_left(backlog: DeliveryBacklog) -> None:
    assert [backlog.take(), backlog.take(), backlog.take()] == [ONE, TWO, None]


def test_a_lost_work_comes_after_the_others(backlog: DeliveryBacklog) -> None:
    assert backlog.take() is ONE
    backlog.lost(ONE, GONE)
    assert len(backlog) == 2
    assert [backlog.take(), backlog.take()] == [TWO, ONE]


def test_the_third_loss_ends_the_run_and_says_how_to_go_on(backlog: DeliveryBacklog) -> None:
    for _ in range(MOST_LOSSES - 1):
        backlog.lost(ONE, GONE)
    backlog.lost(TWO, GONE)
    with pytest.raises(TryAgainError) as caught:
        backlog.lost(ONE, GONE)
    assert caught.value.diagnostics[0].code == "MR802"
    assert "resume" in (caught.value.diagnostics[0].help or "")


def test_what_a_lost_owner_still_holds_is_tried_again_after_a_pause(backlog: DeliveryBacklog, clock: Clock) -> None:
    backlog.take()
    backlog.take()
    backlog.lost(ONE, GONE)
    backlog.take()
    backlog.refused(ONE, HELD)
    assert (backlog.take(), len(backlog)) == (None, 1)
    clock.now = PAUSE_SECONDS
    assert (backlog.take(), len(backlog)) == (ONE, 0)


def test_after_the_lease_it_is_somebody_else(backlog: DeliveryBacklog, clock: Clock) -> None:
    backlog.lost(ONE, GONE)
    clock.now = LEASE + 1
    with pytest.raises(RefusedError):
        backlog.refused(ONE, HELD)


def test_a_refusal_without_a_loss_is_raised_at_once(backlog: DeliveryBacklog) -> None:
    with pytest.raises(RefusedError):
        backlog.refused(TWO, HELD)


def test_what_is_due_again_comes_when_it_is_due_and_holds_nobody_until_then(
    backlog: DeliveryBacklog, clock: Clock
) -> None:
    backlog.take()
    backlog.take()
    backlog.again(ONE, 300.0)
    backlog.again(TWO, -5.0)  # a clock that differs; it is not asked for without end
    assert (len(backlog), backlog.take(), backlog.later) == (0, None, LEAST_REST_SECONDS)
    clock.now = LEAST_REST_SECONDS
    assert (len(backlog), backlog.take()) == (1, TWO)
    assert (len(backlog), backlog.later) == (0, 300.0 - LEAST_REST_SECONDS)
    clock.now = 300.0
    assert (backlog.take(), backlog.later) == (ONE, None)
