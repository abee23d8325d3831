"""How fast a delivery is, destination by destination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.delivery.message import Message
from engine.delivery.pacing.destinations import OTHER, domain_of
from engine.delivery.pacing.throttle import Limit, Sign, Throttle

NO_LIMIT = Limit()
FREE = 0
"""The lane of whatever has no limit."""
MOST_TROUBLED = 4_096
"""So many destinations that have shown congestion are remembered before those that have recovered are dropped."""


class Throttles:
    """The throttles of a worker, for all partitions that it delivers: of groups that have a limit, and of destinations that have
    shown congestion, by group or, for a domain that is in none, by domain. ``most`` messages may be on their way at all."""

    def __init__(self, limits: Mapping[str, Limit], most: int, now: float) -> None:
        self._most = most
        self.limited = {name: Throttle(limit, most, now) for name, limit in limits.items()}
        self.troubled: dict[str, Throttle] = {}

    def trouble(self, destination: str, now: float) -> None:
        """A destination without a limit shows congestion: from now on it has a throttle."""
        if destination in self.troubled:
            return
        if len(self.troubled) >= MOST_TROUBLED:
            self.troubled = {name: each for name, each in self.troubled.items() if not each.idle(now)}
        self.troubled[destination] = Throttle(NO_LIMIT, self._most, now)


class PartitionPacing:
    """The pace of one partition's messages. ``groups`` are names, ``group_of`` is the number of each row's group among them.

    A group with a limit is a lane, and all others together are the lane FREE. A destination that has shown congestion gets a lane
    of its own, with the next number. Time is passed in, in seconds of any monotonic clock.
    """

    def __init__(self, throttles: Throttles, groups: Sequence[str], group_of: Sequence[int]) -> None:
        self._throttles = throttles
        self._groups = groups
        self._group_of = group_of
        limited = [name for name in groups if name in throttles.limited]
        self._lanes: list[Throttle | None] = [None, *(throttles.limited[name] for name in limited)]
        self._lane_of_group = [limited.index(name) + 1 if name in limited else FREE for name in groups]
        self._whole = [name in limited and name != OTHER for name in groups]  # whose congestion is that of their lane
        self._own_lanes: dict[str, int] = {}
        self._begun: dict[int, tuple[int, ...]] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing has a limit, no destination has shown congestion, and so nothing must be counted."""
        return not self._throttles.troubled and not self._throttles.limited

    def lane(self, row: int) -> int:
        return self._lane_of_group[self._group_of[row]]

    def wait(self, lane: int, now: float) -> float:
        """Seconds until a message of a lane may begin; infinite until another one has ended."""
        throttle = self._lanes[lane]
        return 0.0 if throttle is None else throttle.wait(now)

    def detour(self, message: Message, now: float) -> int | None:
        """The lane of its own in which a message must wait, if its destination is held up and it stands in one with others."""
        own = self._own(message)
        return None if own is None or self.wait(own, now) <= 0 else own

    def begin(self, message: Message, now: float) -> None:
        if self.idle:
            return
        lane, own = self.lane(message.index), self._own(message)
        if lane == FREE and own is None:
            return
        self._begun[message.index] = (lane,) if own is None else (lane, own)
        for each in self._begun[message.index]:
            self._begin(each, now)

    def end(self, message: Message, sign: Sign, now: float) -> None:
        """A message that has begun is on its way no more; ``sign`` is what that says of its destination."""
        if sign is not Sign.CONGESTION and self.idle:
            return
        lanes = self._begun.pop(message.index, (FREE,))
        whole = self._whole[self._group_of[message.index]]
        self._end(lanes[0], sign if whole else Sign.NOTHING, now)
        if whole:
            return
        if sign is Sign.CONGESTION:
            self._throttles.trouble(self._destination(message), now)
        own = self._own(message)
        if own is not None:
            if own not in lanes:  # it began before there was a lane
                self._begin(own, now)
            self._end(own, sign, now)

    def _begin(self, lane: int, now: float) -> None:
        throttle = self._lanes[lane]
        if throttle is not None:
            throttle.begin(now)

    def _end(self, lane: int, sign: Sign, now: float) -> None:
        throttle = self._lanes[lane]
        if throttle is not None:
            throttle.end(sign, now)

    def _own(self, message: Message) -> int | None:
        if not self._throttles.troubled or self._whole[self._group_of[message.index]]:
            return None
        destination = self._destination(message)
        lane = self._own_lanes.get(destination)
        if lane is None and destination in self._throttles.troubled:
            lane = self._own_lanes[destination] = len(self._lanes)
            self._lanes.append(self._throttles.troubled[destination])
        return lane

    def _destination(self, message: Message) -> str:
        group = self._groups[self._group_of[message.index]]
        return domain_of(message.recipient) if group == OTHER else group
