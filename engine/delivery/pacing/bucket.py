"""A rate that is never exceeded."""

from __future__ import annotations

from collections.abc import Sequence


class TokenBucket:
    """``rate`` tokens a second, of which at most ``burst`` are saved up. Time is passed in, in seconds of any monotonic clock."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._tokens = self._burst
        self._at = now

    def take(self, now: float) -> float:
        """Take one token and return the seconds to wait until it is there; whoever comes later waits longer."""
        self._fill(now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)

    def wait(self, now: float) -> float:
        """Seconds until a token is there, which is not taken."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self._rate)

    def change(self, rate: float, now: float) -> None:
        """Another rate from now on."""
        self._fill(now)
        self._rate = rate

    def _fill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)


class Buckets:
    """Several rates that hold together."""

    def __init__(self, buckets: Sequence[TokenBucket]) -> None:
        self._buckets = buckets

    def take(self, now: float) -> float:
        """Take one token of each and return the seconds to wait until the last of them is there."""
        return max([bucket.take(now) for bucket in self._buckets], default=0.0)
