"""The threads behind a cache: one follows the origin, one hears other nodes, one loads anew what is stale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore, Event, Thread

from engine.cache.figures import Figures
from engine.cache.stack import CacheStack
from engine.errors import MailrayError

INTERVAL = 0.4
"""Seconds between two looks at the origin's version: a change is seen by every node within a second, whatever Redis does."""
MOST_WAITING = 64


class Background:
    """Does things soon, one after the other; what fails is counted and will be asked for again."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._room = BoundedSemaphore(MOST_WAITING)
        self._pool = ThreadPoolExecutor(1, "cache refresh")

    def later(self, work: Callable[[], None]) -> bool:
        """False when too much waits already."""
        if not self._room.acquire(blocking=False):
            return False
        self._pool.submit(self._do, work)
        return True

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except MailrayError:
            self._figures.happened("store", "failed")
        finally:
            self._room.release()


@contextmanager
def kept(stacks: Sequence[CacheStack], hear: Callable[[Event], None] | None, figures: Figures) -> Iterator[None]:
    """Keep the stacks up with their origin while in the block; they are when it begins, unless the origin does not answer.

    ``hear`` hears other nodes until an event is set.
    """
    ended = Event()
    threads = [Thread(target=_follow, args=(stacks, figures, ended), name="cache follows", daemon=True)]
    if hear is not None:
        threads.append(Thread(target=hear, args=(ended,), name="cache hears", daemon=True))
    _look(stacks, figures)
    for each in threads:
        each.start()
    try:
        yield
    finally:
        ended.set()
        for each in threads:
            each.join()


def _follow(stacks: Sequence[CacheStack], figures: Figures, ended: Event) -> None:
    while not ended.wait(INTERVAL):
        _look(stacks, figures)


def _look(stacks: Sequence[CacheStack], figures: Figures) -> None:
    for each in stacks:
        try:
            each.catch_up()
        except MailrayError:
            figures.happened("store", "failed")
