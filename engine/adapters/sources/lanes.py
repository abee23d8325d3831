"""Several readers of one sequence: each works ahead on parts of its own, and the parts come out in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from threading import Condition, Thread
from typing import Generic, TypeVar

Part = TypeVar("Part")
Item = TypeVar("Item")
Read = Callable[[Part], Iterator[Item]]

AHEAD = 4
"""Items that a reader holds ready; with as many readers there are, this bounds the memory."""


def in_order(
    parts: Sequence[Part], reader: Callable[[], AbstractContextManager[Read[Part, Item]]], readers: int
) -> Iterator[Item]:
    """The items of all parts, part by part, read by so many threads of which each opens one ``reader``.

    Raises what a reader raises. When the iteration ends early, readers end after the item that they are at.
    """
    lanes = [_Lane(parts[first::readers], reader) for first in range(min(readers, len(parts)))]
    try:
        for lane in lanes:
            lane.start()
        for number in range(len(parts)):
            yield from lanes[number % len(lanes)].part()
    finally:
        for lane in lanes:
            lane.close()
        for lane in lanes:
            lane.join()


class _End:
    """Stands after the last item of a part."""


class _Lane(Generic[Part, Item]):
    def __init__(self, parts: Sequence[Part], reader: Callable[[], AbstractContextManager[Read[Part, Item]]]) -> None:
        self._parts = parts
        self._reader = reader
        self._ready: deque[Item | _End | BaseException] = deque()
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._run, name="audience-reader", daemon=True)
        self.start, self.join = self._thread.start, self._thread.join

    def part(self) -> Iterator[Item]:
        """The items of the next part."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready)
                item = self._ready.popleft()
                self._changed.notify_all()
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, _End):
                return
            yield item

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            with self._reader() as read:
                for part in self._parts:
                    for item in read(part):
                        if not self._put(item):
                            return
                    if not self._put(_End()):
                        return
        except BaseException as fault:  # raised again where the items are read
            self._put(fault)

    def _put(self, item: Item | _End | BaseException) -> bool:
        """Whether anybody still wants it."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._ready) < AHEAD)
            if not self._closed:
                self._ready.append(item)
                self._changed.notify_all()
            return not self._closed
