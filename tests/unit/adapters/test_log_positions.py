"""Which position of the log a replica must have replayed, by what the primary has said and when."""

from __future__ import annotations

from engine.adapters.stores.replicas import LogPositions


def test_the_primary_is_asked_when_nothing_is_known_or_half_the_lag_has_passed() -> None:
    log = LogPositions(allowed=4.0)
    assert log.needed(100.0, 0) is None
    log.saw(100.0, 0, 50)
    assert log.needed(102.0, 0) == 50
    assert log.needed(102.1, 0) is None


def test_a_replica_need_not_have_more_than_what_stood_at_the_lags_beginning() -> None:
    log = LogPositions(allowed=4.0)
    for at, position in ((100.0, 50), (101.0, 60), (102.0, 70), (103.0, 80)):
        log.saw(at, 0, position)
    assert log.needed(104.0, 0) == 50
    assert log.needed(104.5, 0) == 60
    assert log.needed(105.0, 0) == 60


def test_many_looks_are_not_all_kept_and_the_oldest_that_counts_is() -> None:
    log = LogPositions(allowed=4.0)
    for step in range(10_000):
        log.saw(100.0 + step / 1_000, 0, step)
    assert len(log._seen) < 20
    needed = log.needed(110.0, 0)
    assert needed is not None
    assert 6_000 <= needed <= 6_500


def test_without_a_lag_the_primary_is_asked_each_time() -> None:
    log = LogPositions(allowed=0.0)
    log.saw(100.0, 0, 50)
    assert log.needed(100.1, 0) is None
    log.saw(100.2, 0, 60)
    assert log.needed(100.1, 0) == 60


def test_what_was_written_here_must_have_been_replayed() -> None:
    log = LogPositions(allowed=4.0)
    log.saw(100.0, 0, 50)
    log.wrote()
    assert log.needed(100.1, log.writes) is None
    log.saw(100.2, log.writes, 70)
    log.saw(101.0, log.writes, 90)
    assert log.needed(101.0, log.writes) == 70
    assert log.needed(101.0, 0) == 70  # a read that began before may as well see it


def test_a_look_that_was_told_late_changes_nothing() -> None:
    log = LogPositions(allowed=4.0)
    log.saw(100.2, 0, 60)
    log.saw(100.1, 0, 50)
    assert log.needed(100.3, 0) == 60


def test_after_a_failover_that_has_lost_writes_the_new_primary_alone_counts() -> None:
    log = LogPositions(allowed=4.0)
    log.wrote()
    log.saw(100.0, 1, 500)
    log.saw(101.0, 1, 400)
    assert log.needed(101.1, 1) == 400
