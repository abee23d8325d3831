import pytest

from engine.adapters.stores.caps_memory import MemoryCaps
from engine.delivery.pacing import PartitionWarmUp, WarmUpPlan
from engine.delivery.pacing.warm_up import DAY

PLAN = WarmUpPlan("sender/google", 100, (3, 5))
GROUPS = [1] * 6 + [0] * 2


@pytest.fixture
def store() -> MemoryCaps:
    return MemoryCaps()


def warm_up(store: MemoryCaps) -> PartitionWarmUp:
    return PartitionWarmUp(store, {1: PLAN}, GROUPS)


def test_each_day_has_its_number_and_after_the_last_there_is_none() -> None:
    assert [PLAN.most(day) for day in (99, 100, 101, 102)] == [0, 3, 5, None]


def test_what_goes_beyond_the_day_waits_for_the_next(store: MemoryCaps) -> None:
    partition, now = warm_up(store), 100 * DAY + 5
    assert partition.reserve(range(8), now) == dict.fromkeys((3, 4, 5), 101 * DAY)
    assert [partition.reserved(row, now) for row in range(8)] == [True] * 3 + [False] * 3 + [True] * 2
    assert warm_up(store).reserve([0, 1], now) == dict.fromkeys((0, 1), 101 * DAY)
    assert partition.reserve([3, 4, 5], 101 * DAY) == {}
    assert partition.reserve([0, 1, 2, 3], 102 * DAY) == {}
    assert all(partition.reserved(row, 102 * DAY) for row in range(8))


def test_nothing_goes_before_the_first_day(store: MemoryCaps) -> None:
    assert warm_up(store).reserve([0, 7], 99 * DAY) == {0: 100 * DAY}


def test_what_was_not_sent_goes_back_to_its_day(store: MemoryCaps) -> None:
    partition, now = warm_up(store), 100 * DAY
    partition.reserve([0, 1, 2], now)
    partition.settle(0, sent=True)
    partition.settle(1, sent=False)
    partition.flush()
    assert partition.reserve([3, 4], now) == {4: 101 * DAY}
    partition.release()
    assert warm_up(store).reserve([0, 1, 2], now) == {2: 101 * DAY}


def test_yesterdays_place_is_not_todays(store: MemoryCaps) -> None:
    partition = warm_up(store)
    partition.reserve([0], 100 * DAY)
    assert not partition.reserved(0, 101 * DAY)
    assert partition.reserve([0], 101 * DAY) == {}
    partition.flush()
    assert store.allot(PLAN.name, 100, 3, 9) == 3
    assert store.allot(PLAN.name, 101, 5, 9) == 4
