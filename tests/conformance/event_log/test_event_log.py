import threading

from engine.delivery.feedback.contract import EventLog
from engine.delivery.feedback.events import FeedbackEvent, Kind

NOW = 1_772_442_000_000_000
KEY, OTHER = b"k" * 16, b"o" * 16


def event(number: int, kind: Kind = Kind.SOFT, key: bytes | None = None, at: int = NOW) -> FeedbackEvent:
    return FeedbackEvent(f"test:{number}", kind, at, "test", key, "tom@example.net", "welcome", "4.2.2", "full")


def test_an_event_is_kept_once_however_often_it_is_told(log: EventLog) -> None:
    assert log.append([event(1), event(2), event(1, Kind.HARD)]) == 2
    assert log.append([event(2), event(3, Kind.OPEN)]) == 1
    assert log.counts() == {("open", "test"): 1, ("soft", "test"): 2}
    assert log.known(["test:1", "test:3", "test:9"]) == {"test:1", "test:3"}


def test_soft_bounces_are_counted_by_message_from_an_instant_on(log: EventLog) -> None:
    log.append([event(1, key=KEY), event(2, key=KEY), event(3, key=OTHER), event(4), event(5), event(6, at=NOW - 1)])
    log.append([event(7, Kind.HARD)])
    assert log.soft_bounces(["tom@example.net", "ann@example.net"], NOW) == {"tom@example.net": 4}
    assert log.soft_bounces(["tom@example.net"], NOW - 1) == {"tom@example.net": 5}
    assert log.soft_bounces(["tom@example.net"], NOW + 1) == {}


def test_the_first_event_of_a_message_is_found_by_its_key(log: EventLog) -> None:
    log.append([event(1, Kind.CLICK, KEY, NOW + 5), event(2, Kind.OPEN, KEY, NOW + 3), event(3, Kind.HARD)])
    assert log.first_of([KEY, OTHER]) == {KEY: ("open", "test")}


def test_nothing_at_all_may_be_asked(log: EventLog) -> None:
    assert log.append([]) == 0
    assert (log.known([]), log.soft_bounces([], NOW), log.first_of([]), log.counts()) == (set(), {}, {}, {})


def test_an_event_with_little_in_it_and_odd_words_is_kept(log: EventLog) -> None:
    odd = FeedbackEvent('é"{}\\,', Kind.OTHER, NOW, "test", detail="a\0b")
    assert log.append([odd]) == 1
    assert log.append([odd]) == 0
    assert log.known([odd.id]) == {odd.id}


def test_of_many_that_tell_the_same_at_once_one_is_new(log: EventLog) -> None:
    new: list[int] = []
    told = [event(number) for number in range(50)]
    orders = [told, told[::-1], told[25:] + told[:25]]
    threads = [threading.Thread(target=lambda some=each: new.append(log.append(some))) for each in orders]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(new) == 50
