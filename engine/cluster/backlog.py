"""The partitions that wait to be delivered, those among them whose actor was lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from ray.exceptions import RayActorError

from engine.cluster.results import RESUME, summary
from engine.errors import RefusedError, TryAgainError
from engine.pipeline.work import DeliveryWork

MOST_LOSSES = 3
PAUSE_SECONDS = 2.0
LEAST_REST_SECONDS = 1.0


class DeliveryBacklog:
    """``lease_seconds`` is how long a lost owner may hold a partition, when the ledger cannot tell that it is gone (its node may only
    be out of reach). ``clock`` gives monotonic seconds."""

    def __init__(self, works: Iterable[DeliveryWork], lease_seconds: float, clock: Callable[[], float]) -> None:
        self._waiting = deque(works)
        self._resting: list[tuple[float, DeliveryWork]] = []
        self._again: list[tuple[float, DeliveryWork]] = []
        self._losses: dict[int, list[float]] = {}
        self._lease = lease_seconds
        self._clock = clock

    def __len__(self) -> int:
        """The works that are to be done now or soon; those that come again only when they are due count when they are."""
        now = self._clock()
        return len(self._waiting) + len(self._resting) + sum(due <= now for due, _ in self._again)

    @property
    def later(self) -> float | None:
        """Seconds until the first of the works that come again is due; None when there is none."""
        return max(0.0, min(due for due, _ in self._again) - self._clock()) if self._again else None

    def take(self) -> DeliveryWork | None:
        """A work that may be begun now."""
        now = self._clock()
        for resting in (self._again, self._resting):
            for rest in resting:
                if rest[0] <= now:
                    resting.remove(rest)
                    return rest[1]
        return self._waiting.popleft() if self._waiting else None

    def again(self, work: DeliveryWork, seconds: float) -> None:
        """A work that has come to its end for now has something to do again after so many seconds."""
        self._again.append((self._clock() + max(seconds, LEAST_REST_SECONDS), work))

    def lost(self, work: DeliveryWork, fault: RayActorError) -> None:
        """A work whose actor is gone comes again, in another actor and under a new epoch. Raises TryAgainError at the third loss."""
        losses = self._losses.setdefault(work.number, [])
        losses.append(self._clock())
        if len(losses) >= MOST_LOSSES:
            raise TryAgainError.single(
                "MR802",
                f"the delivery of partition {work.number} died {MOST_LOSSES} times: {summary(fault)}",
                help=RESUME,
            ) from fault
        self._waiting.append(work)

    def refused(self, work: DeliveryWork, fault: RefusedError) -> None:
        """A lost owner still holds the partition: it comes again after a pause. Raises the fault when that cannot be the reason."""
        losses = self._losses.get(work.number)
        if not losses or self._clock() - losses[-1] > self._lease:
            raise fault
        self._resting.append((self._clock() + PAUSE_SECONDS, work))
