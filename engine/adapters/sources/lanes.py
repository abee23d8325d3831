"""Several readers of one sequence: each works ahead on parts of its own, and the parts come out in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from threading import Condition, Thread
from typing import Generic, Protocol, TypeVar

Part = TypeVar("Part")
Item = TypeVar("Item")
Wanted = TypeVar("Wanted", contravariant=True)
Found = TypeVar("Found", covariant=True)


class Reader(Protocol[Wanted, Found]):
    """Reads parts, one after the other, in one thread."""

    def read(self, part: Wanted) -> Iterator[Found]: ...

    def cancel(self) -> None:
        """End what it is at, if it is at anything; called by another thread."""


Open = Callable[[], AbstractContextManager[Reader[Part, Item]]]

AHEAD = 4
"""Items that a reader holds ready; with as many readers there are, this bounds the memory."""


def in_order(parts: Sequence[Part], open: Open[Part, Item], readers: int) -> Iterator[Item]:
    """The items of all parts, part by part, read by so many threads, each with a reader of its own.

    Raises what a reader raises. When the iteration ends early, readers are cancelled.
    """
    lanes = [_Lane(parts[first::readers], open) for first in range(min(readers, len(parts)))]
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
    def __init__(self, parts: Sequence[Part], open: Open[Part, Item]) -> None:
        self._parts = parts
        self._open = open
        self._reader: Reader[Part, Item] | None = None
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
            if self._reader is not None:
                self._reader.cancel()

    def _run(self) -> None:
        try:
            with self._open() as reader:
                self._use(reader)
                try:
                    self._read(reader)
                finally:
                    self._use(None)
        except BaseException as fault:  # raised again where the items are read
            self._put(fault)

    def _read(self, reader: Reader[Part, Item]) -> None:
        for part in self._parts:
            if self._closed:
                return
            for item in reader.read(part):
                if not self._put(item):
                    return
            if not self._put(_End()):
                return

    def _use(self, reader: Reader[Part, Item] | None) -> None:
        with self._changed:
            self._reader = reader

    def _put(self, item: Item | _End | BaseException) -> bool:
        """Whether anybody still wants it."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._ready) < AHEAD)
            if not self._closed:
                self._ready.append(item)
                self._changed.notify_all()
            return not self._closed
