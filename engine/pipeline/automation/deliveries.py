"""Which partition is delivered next, of all the runs of an automation."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from engine.campaign.schema import Priority
from engine.pipeline.automation.contract import Deliver
from engine.pipeline.work import DeliveryWork
from engine.queueing.balance import worker_for

RANK = {priority: rank for rank, priority in enumerate(Priority)}
LEAST_REST = 1_000_000  # microseconds
FIRST_PAUSE, LONGEST_PAUSE = 2_000_000, 300_000_000
"""Microseconds after a delivery that could not be done; doubled with each further one."""
TRIES = 4
"""Failures in a row after which a delivery counts no longer as something that could be done now."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A partition of a run, with its workflow's priority. Of a ``paced`` run one worker delivers all: it alone keeps the rate."""

    run: Path
    work: DeliveryWork
    priority: Priority
    paced: bool = False
    failures: int = 0


class Deliveries:
    """The higher priority first, then in the order of their coming; of one run no more than one partition at a time on a worker.
    Instants are UTC microseconds; ``numbers`` gives the next task's."""

    def __init__(self, numbers: Callable[[], int], at_a_time: int) -> None:
        self._numbers = numbers
        self._at_a_time = at_a_time
        self._order = count()
        self._waiting: list[tuple[int, int, Outgoing]] = []
        self._again: list[tuple[int, int, Outgoing]] = []
        self._running: dict[int, tuple[str, Outgoing]] = {}

    def __len__(self) -> int:
        """Those that are to be done now, those that are being done, and those that are to be tried again soon."""
        failed = sum(0 < outgoing.failures < TRIES for _, _, outgoing in self._again)
        return len(self._waiting) + len(self._running) + failed

    @property
    def busy(self) -> set[Path]:
        """The runs of which something is being delivered."""
        return {outgoing.run for _, outgoing in self._running.values()}

    def add(self, outgoing: Outgoing) -> None:
        heapq.heappush(self._waiting, (RANK[outgoing.priority], next(self._order), outgoing))

    def next(self, workers: Sequence[str], now: int) -> Iterator[tuple[str, Deliver]]:
        """What may be begun, and where."""
        while self._again and self._again[0][0] <= now:
            self.add(heapq.heappop(self._again)[2])
        left = []
        while self._waiting and any(self._load()[each] < self._at_a_time for each in workers):
            entry = heapq.heappop(self._waiting)
            worker = self._place(entry[2], workers)
            if worker is None:
                left.append(entry)
                continue
            task = Deliver(self._numbers(), entry[2].run, entry[2].work)
            self._running[task.number] = (worker, entry[2])
            yield worker, task
        for entry in left:
            heapq.heappush(self._waiting, entry)

    def ended(self, number: int, next_due: int | None, now: int) -> Outgoing:
        """A delivery has come to its end for now; at ``next_due`` there is something to do again."""
        _, outgoing = self._running.pop(number)
        if next_due is not None:
            self._later(Outgoing(outgoing.run, outgoing.work, outgoing.priority, outgoing.paced), next_due, now)
        return outgoing

    def failed(self, number: int, now: int) -> Outgoing:
        """It could not be done, or its worker is gone: it comes again after a pause."""
        _, outgoing = self._running.pop(number)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE << min(outgoing.failures, 10))
        again = Outgoing(outgoing.run, outgoing.work, outgoing.priority, outgoing.paced, outgoing.failures + 1)
        self._later(again, now + pause, now)
        return outgoing

    def _later(self, outgoing: Outgoing, due: int, now: int) -> None:
        heapq.heappush(self._again, (max(due, now + LEAST_REST), next(self._order), outgoing))

    def _place(self, outgoing: Outgoing, workers: Sequence[str]) -> str | None:
        """The worker that has the run's templates and connections, or the least busy that has none of its partitions in hand.

        Workers come and go, and with them the one that is a paced run's: whoever delivers some of it ends that first.
        """
        load, run = self._load(), str(outgoing.run)
        taken = {worker for worker, other in self._running.values() if other.run == outgoing.run}
        if outgoing.paced and taken:
            return None
        home = [worker_for(run, dict.fromkeys(workers, 0), 0)] if outgoing.paced else workers
        free = {each: load[each] for each in home if each not in taken and load[each] < self._at_a_time}
        return worker_for(run, free, 1) if free else None

    def _load(self) -> Counter[str]:
        return Counter(worker for worker, _ in self._running.values())
