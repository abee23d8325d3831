"""A rate that is never exceeded."""

from __future__ import annotations


class TokenBucket:
    """``rate`` tokens a second, of which at most ``burst`` are saved up. Time is passed in, in seconds of any monotonic clock."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._tokens = self._burst
        self._at = now

    def take(self, now: float) -> float:
        """Take one token and return the seconds to wait until it is there; whoever comes later waits longer."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)
