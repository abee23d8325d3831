"""A worker that has not heard of its driver for a while begins no further message: whoever drives the run now may be another."""

from __future__ import annotations

from collections.abc import Callable

LOST_SECONDS = 10.0


class Heartbeat:
    """``clock`` gives monotonic seconds. Its methods are called in several threads, and each is one assignment or comparison."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard = clock()
        self.missed = False

    def begin(self) -> None:
        """Something begins that the driver has asked for."""
        self._heard = self._clock()
        self.missed = False

    def beat(self) -> None:
        self._heard = self._clock()

    def lost(self) -> bool:
        """Whether nothing was heard for too long; ``missed`` keeps that it once was so."""
        lost = self._clock() - self._heard > LOST_SECONDS
        self.missed = self.missed or lost
        return lost
