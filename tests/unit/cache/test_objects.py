import threading

import pytest

from engine.cache.objects import ObjectCache


class Thing:
    def __init__(self, size: int) -> None:
        self.size = size


def cache(most: int = 10) -> ObjectCache[Thing]:
    return ObjectCache(most, lambda thing: thing.size)


def test_what_was_made_is_given_again() -> None:
    kept = cache()
    made = kept.get("a", lambda: Thing(3))
    assert kept.get("a", lambda: Thing(3)) is made and kept.get("b", lambda: Thing(3)) is not made
    assert kept.made == 2 and kept.held == 6


def test_the_least_recently_used_goes_when_there_is_no_room() -> None:
    kept = cache()
    first, second = kept.get("a", lambda: Thing(4)), kept.get("b", lambda: Thing(4))
    kept.get("a", lambda: Thing(4))
    kept.get("c", lambda: Thing(4))
    assert kept.get("a", lambda: Thing(4)) is first and kept.get("b", lambda: Thing(4)) is not second
    assert kept.held <= 10


def test_what_grows_displaces_others_and_goes_when_it_is_too_large_alone() -> None:
    kept = cache()
    growing, other = kept.get("a", lambda: Thing(4)), kept.get("b", lambda: Thing(4))
    growing.size = 8
    assert kept.get("a", lambda: Thing(1)) is growing and kept.held == 8
    assert kept.get("b", lambda: Thing(1)) is not other
    growing = kept.get("c", lambda: Thing(2))
    growing.size = 11
    assert kept.get("c", lambda: Thing(1)) is growing and kept.held <= 10
    assert kept.get("c", lambda: Thing(1)) is not growing


def test_what_is_too_large_is_given_and_not_kept() -> None:
    kept = cache()
    assert kept.get("a", lambda: Thing(11)).size == 11
    assert kept.held == 0


def test_what_several_ask_for_is_made_once() -> None:
    kept, begun, go_on = cache(), threading.Event(), threading.Event()

    def slow() -> Thing:
        begun.set()
        go_on.wait(30)
        return Thing(1)

    got: list[Thing] = []
    threads = [threading.Thread(target=lambda: got.append(kept.get("a", slow))) for _ in range(4)]
    for each in threads:
        each.start()
    assert begun.wait(30)
    assert kept.get("b", lambda: Thing(1)).size == 1  # nobody waits for another key
    go_on.set()
    for each in threads:
        each.join(30)
    assert len(got) == 4 and len(set(map(id, got))) == 1 and kept.made == 2


def test_what_cannot_be_made_is_tried_again() -> None:
    kept = cache()

    def fails() -> Thing:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.get("a", fails)
    assert kept.get("a", lambda: Thing(1)).size == 1
