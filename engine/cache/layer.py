"""The contract of a cache's layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Record = bytes
"""See ``engine.cache.records``."""


class LayerDownError(Exception):
    """A layer does not answer, or cannot be trusted to do what it was asked; whoever asks goes on without it."""


class Readable(Protocol):
    """Where records can be had."""

    name: str

    def get_many(self, keys: Sequence[str]) -> list[Record | None]:
        """The record of each key, None where there is none or none that can be believed; a repeated key is answered each time.

        Records may have expired: that is for the stack to see.
        """


class Layer(Readable, Protocol):
    """What keeps records. Every method may be called from any thread."""

    def put_many(self, keys: Sequence[str], records: Sequence[Record]) -> None:
        """Keep records under their keys, as far as there is room."""

    def invalidate(self, keys: Sequence[str], version: int) -> None:
        """Forget what is kept under these keys of versions before this one."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How far a shared layer has been brought up with the store: each change up to ``caught`` has been applied to it, and of records
    that are older than version ``floor`` nothing is known."""

    caught: int
    floor: int


class SharedLayer(Layer, Protocol):
    """A layer outside of this process, which may fail: every method raises LayerDownError."""

    def marks(self, prefix: str) -> Marks | None:
        """What was last marked for keys of this beginning; None in a layer that is empty or has lost it."""

    def mark(self, prefix: str, marks: Marks) -> None:
        """Raise the marks to these; they never go down."""

    def clear(self, prefix: str) -> None:
        """Forget everything under keys of this beginning, marks and invalidations too."""

    def announce(self, prefix: str, keys: Sequence[str]) -> None:
        """Tell every node that these keys have been invalidated."""
