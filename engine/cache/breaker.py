"""When to ask again whoever did not answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable


class Breaker:
    """Opens at the first failure; after a pause one trial is due, and each that fails doubles the pause.

    ``clock`` gives monotonic seconds. ``node`` names this process: pauses are up to a half shorter by a hash of it, so that many
    processes do not come back in one instant.
    """

    def __init__(self, clock: Callable[[], float], node: str, *, first: float = 0.5, longest: float = 8.0) -> None:
        self._clock = clock
        self._node = node
        self._first, self._longest = first, longest
        self._failures = 0
        self._due = 0.0

    @property
    def closed(self) -> bool:
        """Whether the last that was heard was good."""
        return self._failures == 0

    @property
    def due(self) -> bool:
        """Whether to ask: all is well, or the pause is over."""
        return self.closed or self._clock() >= self._due

    def failed(self) -> None:
        pause = min(self._first * 2.0**self._failures, self._longest)
        self._failures = min(self._failures + 1, 30)
        part = hashlib.blake2b(f"{self._node}:{self._failures}".encode(), digest_size=2).digest()
        self._due = self._clock() + pause * (0.5 + int.from_bytes(part, "big") / 2**17)

    def succeeded(self) -> None:
        self._failures = 0
