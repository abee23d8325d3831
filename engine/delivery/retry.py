"""When a deferred message is due again."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

_MICROSECONDS = 1_000_000
_MINUTE = 60.0
_HOUR = 60 * _MINUTE


def spread(key: bytes, attempt: int) -> float:
    """A number in [-1, 1) that is always the same for the same try of the same thing, and even over many."""
    digest = blake2b(key + attempt.to_bytes(4, "little"), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**63 - 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """Waits between tries, in seconds; the last one repeats. ``jitter`` is the share by which a wait may differ.

    The first tries come close together because most deferrals are greylisting or a short overload; RFC 5321 section 4.5.4.1
    asks for 30 minutes at least once the first few have failed.
    """

    waits: tuple[float, ...] = (5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR)
    jitter: float = 0.2

    def next_at(self, key: bytes, attempt: int, now: int) -> int:
        """UTC microseconds of the try after ``attempt`` (from 1), which failed at ``now``."""
        wait = self.waits[min(attempt, len(self.waits)) - 1]
        return now + round(wait * (1 + self.jitter * spread(key, attempt)) * _MICROSECONDS)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits before a lost connection is opened again: doubling, in seconds, up to ``longest``; given up after ``attempts``."""

    first: float = 0.1
    longest: float = 30.0
    jitter: float = 0.2
    attempts: int = 8

    def wait(self, key: bytes, failures: int) -> float | None:
        """Seconds to wait after so many failures in a row (from 1); None: enough."""
        if failures >= self.attempts:
            return None
        wait: float = min(self.first * 2 ** (failures - 1), self.longest)
        return wait * (1 + self.jitter * spread(key, failures))
