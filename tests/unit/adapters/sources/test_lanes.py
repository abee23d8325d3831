"""Parts that several read come out in their order, whoever is first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from engine.adapters.sources.lanes import AHEAD, in_order

Read = Callable[[range], Iterator[int]]


class Reader:
    """Reads with a function; one that is cancelled says so."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()


def reading(read: Read, closed: Callable[[], None] = lambda: None) -> Callable[[], AbstractContextManager[Reader]]:
    @contextmanager
    def opened() -> Iterator[Reader]:
        try:
            yield Reader(read)
        finally:
            closed()

    return opened


reader = reading(iter)


@pytest.mark.parametrize("readers", [1, 2, 5, 50])
@pytest.mark.parametrize("length", [0, 1, 3 * AHEAD])
def test_parts_come_in_order(readers: int, length: int) -> None:
    parts = [range(start, start + length) for start in range(0, 700, 100)]
    assert list(in_order(parts, reader, readers)) == [each for part in parts for each in part]


def test_no_parts() -> None:
    assert list(in_order([], reader, 3)) == []


def test_nobody_reads_far_ahead() -> None:
    read: list[int] = []

    def counted(part: range) -> Iterator[int]:
        for each in part:
            read.append(each)
            yield each

    items = in_order([range(1_000), range(1_000)], reading(counted), 2)
    for taken in range(1, 500):
        next(items)
        assert len(read) <= taken + 2 * (AHEAD + 1)
    items.close()


def test_a_fault_of_a_reader_comes_where_its_items_would() -> None:
    closed = threading.Event()

    def failing(part: range) -> Iterator[int]:
        if part.start == 10:
            raise ValueError("lost")
        yield from part

    items = in_order([range(0, 3), range(10, 13)], reading(failing, closed.set), 2)
    assert [next(items), next(items), next(items)] == [0, 1, 2]
    with pytest.raises(ValueError, match="lost"):
        next(items)
    assert closed.wait(30)


def test_who_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()
    items = in_order([range(10_000), range(10_000)], reader, 2)
    next(items)
    items.close()
    assert threading.active_count() == before


def test_who_stops_early_cancels_what_readers_are_at() -> None:
    at_work = threading.Event()

    @contextmanager
    def waiting() -> Iterator[Reader]:
        def read(part: range) -> Iterator[int]:
            if part.start:
                at_work.set()
                assert reader.cancelled.wait(30)
            yield from part

        reader = Reader(read)
        yield reader

    items = in_order([range(0, 3), range(10, 13)], waiting, 2)
    assert next(items) == 0
    assert at_work.wait(30)
    items.close()
