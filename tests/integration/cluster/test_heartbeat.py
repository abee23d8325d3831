"""No send starts when the driver has not been heard of for ten seconds."""

from __future__ import annotations

from typing import Any

import pytest

from engine.assembly.worker import open_worker
from engine.cluster.heartbeat import LOST_SECONDS, Heartbeat
from engine.pipeline.work import DeliveryWork


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_driver_is_lost_ten_seconds_after_its_last_beat(clock: Clock) -> None:
    heartbeat = Heartbeat(clock)
    for _ in range(5):
        clock.now += LOST_SECONDS
        assert not heartbeat.lost()
        heartbeat.beat()
    clock.now += LOST_SECONDS + 0.1
    assert (heartbeat.lost(), heartbeat.missed) == (True, True)


def test_a_driver_that_is_back_gives_the_partition_again(clock: Clock) -> None:
    heartbeat = Heartbeat(clock)
    clock.now += 60.0
    assert heartbeat.lost()
    heartbeat.beat()
    assert (heartbeat.lost(), heartbeat.missed) == (False, True)  # what ended meanwhile has not come to its end
    heartbeat.begin()
    assert (heartbeat.lost(), heartbeat.missed) == (False, False)


def test_an_actor_that_nobody_drives_ends_without_having_sent_all(campaigns: Any, start: Any) -> None:
    """The real worker, halted by a heartbeat whose clock says that the driver is gone."""
    run = start(campaigns(40), "one", "inline").opened
    clock = Clock()
    heartbeat = Heartbeat(clock)
    clock.now += LOST_SECONDS + 1
    worker = open_worker(run.job, lambda: run.campaign.templates, heartbeat.lost)
    delivered = worker.deliver(DeliveryWork(0, 40), lambda _: None)
    planned = delivered.counts["planned"]
    assert planned == sum(delivered.counts.values()) > 0
    heartbeat.begin()
    assert worker.deliver(DeliveryWork(0, 40), lambda _: None).counts["accepted"] == planned
