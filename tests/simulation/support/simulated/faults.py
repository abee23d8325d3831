"""What goes wrong, and how often; each world draws its own mixture, so that rare faults also meet without the frequent ones."""

from __future__ import annotations

from enum import StrEnum, auto
from random import Random


class Fault(StrEnum):
    REFUSE = auto()  # no connection
    DROP = auto()  # the connection breaks before the server has understood
    DROP_AFTER = auto()  # the connection breaks after the server has done what it was asked
    SLOW = auto()  # the reply takes long, perhaps longer than the client's patience
    TEMPORARY = auto()  # 4xx
    PERMANENT = auto()  # 5xx
    CLOSING = auto()  # 421, and the connection is closed
    GARBAGE = auto()  # what is no reply
    FULL = auto()  # the disk takes nothing
    LOST = auto()  # the disk has taken it, and then cannot say that it is there
    STALL = auto()  # the disk takes its time, perhaps more than the lease
    KILLED_BEFORE = auto()  # the process dies right before it writes
    KILLED_AFTER = auto()  # the process dies right after it has written
    KILLED_SYNCING = auto()  # the process dies after it has written, before it hears that it is durable


_OFTEN = {Fault.STALL: 0.2, Fault.FULL: 0.3, Fault.LOST: 0.3, Fault.PERMANENT: 0.5}
_OFTEN |= dict.fromkeys((Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.KILLED_SYNCING), 0.5)


class Luck:
    """All chance of a world. ``calm`` ends all faults."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.calm = False
        self._rates = {
            fault: self.random.choice((0.0, 0.0, 0.005, 0.02, 0.1)) * _OFTEN.get(fault, 1.0) for fault in Fault
        }

    def meets(self, fault: Fault) -> bool:
        return not self.calm and self.random.random() < self._rates[fault]

    def first(self, *faults: Fault) -> Fault | None:
        """The first of the faults that happens, if one does."""
        return next((fault for fault in faults if self.meets(fault)), None)

    def latency(self) -> float:
        """Seconds on the way from one machine to another."""
        return self.random.uniform(0.0005, 0.04)

    def disk(self) -> float:
        """Seconds that a write takes."""
        if self.meets(Fault.STALL):
            return self.random.choice((1.0, 30.0, 700.0, 2_000.0))
        return self.random.uniform(0.0001, 0.01)
