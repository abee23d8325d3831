import hashlib
import threading
from typing import Any

import pytest

from engine.audience.frequency import HOLD, Cap, CapsStore, PartitionCaps, Reservation


def digest_of(holder: str) -> bytes:
    return hashlib.blake2b(holder.encode(), digest_size=16).digest()


DAY = 86_400_000_000
NOW = 1_750_000_000_000_000
RUN, OTHER = digest_of("run/0"), digest_of("run/1")
WEEKLY = [Cap(2, 7 * DAY)]


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def wanted(message: int, recipient: int = 0) -> Reservation:
    return Reservation(key(message), b"recipient" + key(recipient))


def ask(store: CapsStore, *messages: int, now: int = NOW, recipient: int = 0, caps: list[Cap] = WEEKLY) -> list[bool]:
    return [*store.reserve([wanted(each, recipient) for each in messages], caps, now, now + HOLD, RUN)]


def test_no_more_are_granted_than_the_cap_allows_within_one_call_and_over_several(store: CapsStore) -> None:
    assert ask(store, 1, 2, 3) == [True, True, False]
    assert ask(store, 4) == [False]
    assert ask(store, 4, recipient=1) == [True]


def test_to_reserve_again_under_the_same_key_is_to_reserve_once(store: CapsStore) -> None:
    assert ask(store, 1) == ask(store, 1) == ask(store, 1) == [True]
    assert ask(store, 2, 2, 3) == [True, True, False]


def test_the_same_message_of_another_run_is_another_message(store: CapsStore) -> None:
    assert ask(store, 1) == [True]
    assert [*store.reserve([wanted(1), wanted(2)], WEEKLY, NOW, NOW + HOLD, OTHER)] == [True, False]
    store.settle([(key(1), None)], OTHER)
    assert ask(store, 1, 2) == [True, True]


def test_what_was_not_sent_makes_room(store: CapsStore) -> None:
    ask(store, 1, 2)
    store.settle([(key(1), None), (key(99), None)], RUN)
    store.settle([(key(1), None)], RUN)
    assert ask(store, 3, 4) == [True, False]


def test_what_was_sent_counts_for_the_time_of_the_cap(store: CapsStore) -> None:
    ask(store, 1, 2)
    store.settle([(key(1), NOW + 5), (key(2), NOW + 9), (key(99), NOW)], RUN)
    assert ask(store, 3, now=NOW + 5 + 7 * DAY - 1) == [False]
    assert ask(store, 3, 4, now=NOW + 5 + 7 * DAY) == [True, False]


def test_a_reservation_counts_as_sent_at_its_end(store: CapsStore) -> None:
    ask(store, 1, 2)
    assert ask(store, 3, now=NOW + HOLD + 7 * DAY - 1) == [False]
    assert ask(store, 3, now=NOW + HOLD + 7 * DAY) == [True]


def test_all_caps_hold_together(store: CapsStore) -> None:
    caps = [Cap(1, DAY), Cap(2, 7 * DAY)]
    assert ask(store, 1, 2, caps=caps) == [True, False]
    store.settle([(key(1), NOW)], RUN)
    assert ask(store, 2, now=NOW + DAY, caps=caps) == [True]
    store.settle([(key(2), NOW + DAY)], RUN)
    assert ask(store, 3, now=NOW + 3 * DAY, caps=caps) == [False]
    assert ask(store, 3, now=NOW + 7 * DAY, caps=caps) == [True]


def test_a_holder_finds_what_it_has_not_settled(store: CapsStore) -> None:
    ask(store, 1, 2)
    store.reserve([wanted(3, 3)], WEEKLY, NOW, NOW + HOLD, OTHER)
    assert sorted(store.held(RUN)) == [key(1), key(2)]
    store.settle([(key(1), NOW), (key(2), None)], RUN)
    assert store.held(RUN) == []
    assert store.held(OTHER) == [key(3)]


def test_what_is_long_past_is_forgotten(store: CapsStore) -> None:
    ask(store, 1, 2)
    store.settle([(key(1), NOW)], RUN)
    store.forget(NOW)
    assert ask(store, 3) == [False]
    store.forget(NOW + 1)
    assert ask(store, 3, 4) == [True, False]


def test_of_many_that_ask_at_once_no_more_get_a_place_than_there_are(store: CapsStore) -> None:
    granted: list[tuple[int, bool]] = []

    def run(number: int) -> None:
        for recipient in range(20):
            for message in range(3):
                asked = 1_000 * number + 10 * recipient + message
                granted.extend((recipient, each) for each in ask(store, asked, recipient=recipient))

    runs = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    for recipient in range(20):
        assert sum(each for who, each in granted if who == recipient) == 2


@pytest.fixture
def partition(store: CapsStore) -> PartitionCaps:
    return PartitionCaps(store, WEEKLY, "run/0", [key(row) for row in range(6)], [b"a", b"a", b"a", b"b", b"b", b"b"])


def test_a_partition_reserves_settles_and_gives_back(store: CapsStore, partition: PartitionCaps) -> None:
    assert partition.reserve(range(6), NOW) == [2, 5]
    assert [partition.reserved(row, NOW + HOLD - 1) for row in range(6)] == [True, True, False, True, True, False]
    assert not partition.reserved(0, NOW + HOLD)
    partition.settle(0, NOW + 1)
    partition.settle(1, None)
    partition.settle(2, None)
    assert partition.reserve([2], NOW) == []
    partition.release()
    assert store.held(RUN) == []
    assert partition.reserve([1, 2, 3, 4], NOW) == [2]


def test_a_reservation_that_was_not_used_in_time_and_is_refused_now_is_given_back(
    store: CapsStore, partition: PartitionCaps
) -> None:
    assert partition.reserve([0], NOW) == []
    later = NOW + HOLD + 7 * DAY
    store.reserve([Reservation(key(100), b"a"), Reservation(key(101), b"a")], WEEKLY, later, later + HOLD, OTHER)
    assert partition.reserve([0], later) == [0]
    partition.flush()
    assert store.held(RUN) == []


def test_the_next_owner_settles_what_the_last_one_left(store: CapsStore, partition: PartitionCaps) -> None:
    partition.reserve([0, 1, 3, 4], NOW)
    heir = PartitionCaps(store, WEEKLY, "run/0", [key(row) for row in range(6)], [b"a", b"a", b"a", b"b", b"b", b"b"])
    heir.recover({0: NOW + 3, 5: NOW + 3}, NOW + 4)
    assert store.held(RUN) == []
    assert heir.reserve([1, 2, 3, 4, 5], NOW + 4) == [2, 5]


def test_a_daily_allowance_is_given_once(store: Any) -> None:
    assert [store.allot("a", 1, 10, wanted) for wanted in (4, 4, 4, 4)] == [4, 4, 2, 0]
    assert store.allot("a", 2, 10, 4) == store.allot("b", 1, 10, 4) == 4
    store.give_back("a", 1, 3)
    assert store.allot("a", 1, 10, 4) == 3
    assert store.allot("a", 1, 5, 4) == 0
