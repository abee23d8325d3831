"""How much one destination is sent at a time: less when it says that it is too much, nothing for a while when it says so again and again.

Additive increase, multiplicative decrease (Chiu and Jain, 1989): a sign of congestion halves rate and concurrency, a minute without
one gives back a twentieth of the whole. A circuit breaker stands behind it: after some signs in a row without a success between them
nothing is sent for a time that doubles, and then one message tries whether it goes on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

from engine.delivery.message import Outcome, OutcomeClass
from engine.delivery.pacing.bucket import TokenBucket

CUT = 0.5
RECOVERY = 0.05 / 60  # of the whole, a second
LEAST = 1 / 64
REACTION_SECONDS = 5.0  # replies to what was on its way already are one sign, not many
BREAK_AFTER = 10  # signs in a row
FIRST_BREAK = 60.0  # seconds
LONGEST_BREAK = 1_800.0


class Sign(Enum):
    """What the end of a message says of its destination."""

    SUCCESS = auto()  # it took or refused this one, and works
    CONGESTION = auto()
    NOTHING = auto()


def sign_of(outcome: Outcome) -> Sign:
    """421 (RFC 5321 section 3.8) and 4.7.x (RFC 3463 section 3.8: policy, as providers use it for rates) are congestion."""
    if outcome.code == 421 or (outcome.enhanced or "").startswith("4.7."):
        return Sign.CONGESTION
    if outcome.outcome in (OutcomeClass.ACCEPTED, OutcomeClass.REJECTED):
        return Sign.SUCCESS
    return Sign.NOTHING


@dataclass(frozen=True, slots=True)
class Limit:
    """What a destination may be sent at most; None: no limit of its own."""

    per_second: float | None = None
    connections: int | None = None


class Throttle:
    """One destination. Time is passed in, in seconds of any monotonic clock. ``most`` messages are on their way without any limit."""

    def __init__(self, limit: Limit, most: int, now: float) -> None:
        self._limit = limit
        self._most = min(most, limit.connections or most)
        self._bucket = None if limit.per_second is None else TokenBucket(limit.per_second, limit.per_second, now)
        self._share = 1.0
        self._share_at = now
        self._cut_at = -math.inf
        self._in_flight = 0
        self._signs = 0
        self._break = FIRST_BREAK
        self._closed_until = -math.inf
        self._trying = False

    def idle(self, now: float) -> bool:
        """Whether there is nothing to say of it that a new one would not say."""
        self._recover(now)
        return self._share >= 1 and not self._in_flight and not self._signs

    def wait(self, now: float) -> float:
        """Seconds until another message may begin; infinite until one of those on their way has ended."""
        self._recover(now)
        if now < self._closed_until:
            return self._closed_until - now
        room = 1 if self._trying else max(1, math.floor(self._most * self._share))
        if self._in_flight >= room:
            return math.inf
        return 0.0 if self._bucket is None else self._bucket.wait(now)

    def begin(self, now: float) -> None:
        """A message begins; ``wait`` was 0."""
        self._in_flight += 1
        if self._bucket is not None:
            self._bucket.take(now)

    def end(self, sign: Sign, now: float) -> None:
        """A message that has begun is on its way no more."""
        self._in_flight -= 1
        if sign is Sign.SUCCESS:
            self._signs, self._break, self._trying = 0, FIRST_BREAK, False
        elif sign is Sign.CONGESTION:
            self._signs += 1
            self._cut(now)
            if self._trying or self._signs >= BREAK_AFTER:
                self._open(now)

    def _cut(self, now: float) -> None:
        self._recover(now)
        if now - self._cut_at >= REACTION_SECONDS:
            self._cut_at = now
            self._set(max(LEAST, self._share * CUT), now)

    def _open(self, now: float) -> None:
        """Nothing is sent for a while, then one message tries; what was on its way when this was decided says nothing new."""
        if now >= self._closed_until:
            self._closed_until = now + self._break
            self._break = min(LONGEST_BREAK, self._break * 2)
            self._trying = True

    def _recover(self, now: float) -> None:
        if self._share < 1:
            self._set(min(1.0, self._share + max(0.0, now - self._share_at) * RECOVERY), now)

    def _set(self, share: float, now: float) -> None:
        self._share, self._share_at = share, now
        if self._bucket is not None and self._limit.per_second is not None:
            self._bucket.change(self._limit.per_second * share, now)
