"""A database's sessions: one for each thing that is read, or one for all that is read in a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    def close(self) -> None: ...


S = TypeVar("S", bound=Closable)


class Sessions(Generic[S]):
    """``open`` begins a session, with the one transaction that it reads in."""

    def __init__(self, open: Callable[[], S]) -> None:
        self._open = open
        self._held: S | None = None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read meanwhile is read in one session."""
        with closing(self._open()) as session:
            self._held = session
            try:
                yield
            finally:
                self._held = None

    @contextmanager
    def reading(self) -> Iterator[S]:
        """The session of the snapshot, or one of its own."""
        if self._held is not None:
            yield self._held
            return
        with closing(self._open()) as session:
            yield session
