"""What only this process can hold, such as compiled programs: bounded by bytes, and made once however many ask for it at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

Made = TypeVar("Made")


class ObjectCache(Generic[Made]):
    """Objects up to ``most`` bytes in all; the least recently used goes first.

    ``size`` gives an object's bytes, and is asked again each time that the object is: what has grown displaces others.
    """

    def __init__(self, most: int, size: Callable[[Made], int]) -> None:
        self._kept: LRUCache[str, Made] = LRUCache(most, size)
        self._making: dict[str, Future[Made]] = {}
        self._lock = Lock()
        self.made = 0
        """How often something was not there."""

    @property
    def held(self) -> int:
        """Bytes in use, as they were when each object was last asked for."""
        return int(self._kept.currsize)

    def get(self, key: str, make: Callable[[], Made]) -> Made:
        """The object under a key, which ``make`` makes if need be. Raises what it raises, to all who wait."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._keep(key, found)
                return found
            others = self._making.get(key)
            own: Future[Made] = Future()
            if others is None:
                self._making[key] = own
                self.made += 1
        return self._make(key, own, make) if others is None else others.result()

    def _make(self, key: str, own: Future[Made], make: Callable[[], Made]) -> Made:
        try:
            made = make()
        except BaseException as fault:
            own.set_exception(fault)
            raise
        else:
            with self._lock:
                self._keep(key, made)
            own.set_result(made)
            return made
        finally:
            with self._lock:
                del self._making[key]

    def _keep(self, key: str, found: Made) -> None:
        """The lock is held."""
        try:
            self._kept[key] = found
        except ValueError:  # more than there is room for in all
            self._kept.pop(key, None)
