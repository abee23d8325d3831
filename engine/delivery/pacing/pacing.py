"""How fast a delivery is, destination by destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.delivery.message import Message
from engine.delivery.pacing.destinations import OTHER, domain_of
from engine.delivery.pacing.throttle import Limit, Sign, Throttle

NO_LIMIT = Limit()
MOST_DOMAINS = 4_096
"""So many domains that have shown congestion are remembered before those that have recovered are dropped."""


class Throttles:
    """The throttles of a worker, for all partitions that it delivers. ``most`` is how many messages it may have on their way at all."""

    def __init__(self, limits: Mapping[str, Limit], most: int) -> None:
        self._limits = limits
        self._most = most
        self._groups: dict[str, Throttle] = {}
        self.domains: dict[str, Throttle] = {}

    def group(self, name: str, now: float) -> Throttle:
        if name not in self._groups:
            self._groups[name] = Throttle(self._limits.get(name, NO_LIMIT), self._most, now)
        return self._groups[name]

    def domain(self, name: str, now: float) -> Throttle:
        """The throttle of a domain that is in no group; it is there from its first congestion on."""
        if name not in self.domains:
            if len(self.domains) >= MOST_DOMAINS:
                self.domains = {each: throttle for each, throttle in self.domains.items() if not throttle.idle(now)}
            self.domains[name] = Throttle(NO_LIMIT, self._most, now)
        return self.domains[name]


class PartitionPacing:
    """The pace of one partition's messages. ``groups`` are names, ``group_of`` is the number of each row's group among them.

    Each group is a lane. A domain that is in no group has a lane of its own, numbered after those of the groups, once it has shown
    congestion. Time is passed in, in seconds of any monotonic clock.
    """

    def __init__(self, throttles: Throttles, groups: Sequence[str], group_of: Sequence[int], now: float) -> None:
        self._throttles = throttles
        self._lanes = [throttles.group(name, now) for name in groups]
        self.group_of = group_of
        self._other = groups.index(OTHER)
        self._domains: dict[str, int] = {}
        self._begun: dict[int, tuple[int, ...]] = {}

    def wait(self, lane: int, now: float) -> float:
        """Seconds until a message of a lane may begin; infinite until another one has ended."""
        return self._lanes[lane].wait(now)

    def detour(self, message: Message, now: float) -> int | None:
        """The lane of its own in which a message must wait, if its domain is held up and it stands among all others."""
        own = self._own(message, now)
        return None if own is None or self.wait(own, now) <= 0 else own

    def begin(self, message: Message, now: float) -> None:
        own = self._own(message, now)
        group = self.group_of[message.index]
        self._begun[message.index] = lanes = (group,) if own is None else (group, own)
        for lane in lanes:
            self._lanes[lane].begin(now)

    def end(self, message: Message, sign: Sign, now: float) -> None:
        """A message that has begun is on its way no more; ``sign`` is what that says of its destination, which is a group or a domain."""
        lanes = self._begun.pop(message.index)
        group = lanes[0]
        if group != self._other:
            self._lanes[group].end(sign, now)
            return
        self._lanes[group].end(Sign.NOTHING, now)
        if sign is Sign.CONGESTION:
            self._throttles.domain(domain_of(message.recipient), now)
        own = self._own(message, now)
        if own is not None:
            if own not in lanes:  # it began before there was a lane
                self._lanes[own].begin(now)
            self._lanes[own].end(sign, now)

    def _own(self, message: Message, now: float) -> int | None:
        if not self._throttles.domains or self.group_of[message.index] != self._other:
            return None
        domain = domain_of(message.recipient)
        lane = self._domains.get(domain)
        if lane is None and domain in self._throttles.domains:
            lane = self._domains[domain] = len(self._lanes)
            self._lanes.append(self._throttles.domain(domain, now))
        return lane
