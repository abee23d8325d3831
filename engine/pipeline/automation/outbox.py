"""The outboxes of live workflows: planned messages become partitions, durably, and partitions are handed out until they are closed.

The driver's side, and the only writer. An effect is settled when the partition that it is in is on the disk, so whoever is killed in
between finds it there and settles it again, and whoever is killed before has written nothing that counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from engine.pipeline.automation.contract import LEASE, Delivered, PlannedSends
from engine.pipeline.automation.sends import counted
from engine.pipeline.definition import with_clock
from engine.pipeline.work import DeliveryWork

KEPT = 3 * LEASE
"""Microseconds for which the names of settled effects are remembered: a task that was taken for lost may still give its result."""

Settle = Callable[[Sequence[str]], int]
"""``ExecutionStore.settle``."""


class OutboxFolder(Protocol):
    """The run's folder of a workflow at one fingerprint. What its methods raise is for whoever runs the job."""

    @property
    def path(self) -> Path: ...

    @property
    def workflow(self) -> str: ...

    def partitions(self) -> Sequence[int]:
        """The numbers of its partitions, ascending."""

    def result(self, number: int) -> Mapping[str, Any] | None:
        """What was committed with a partition; None when its parts have been put together with others'."""

    def commit(self, number: int, verdicts: pa.RecordBatch, outbox: pa.RecordBatch, result: Mapping[str, Any]) -> None:
        """Write a partition: durable when it returns, and not there at all when it has not come to that."""

    def left(self) -> Sequence[DeliveryWork]:
        """The partitions of which something may still be sent, or found out."""

    @property
    def ordered(self) -> bool:
        """Whether somebody has ordered that nothing of it is sent: a pause, or for good."""

    def take(self) -> bool:
        """Hold the folder, so that no command works on it meanwhile. False: one does."""

    def let_go(self) -> None: ...

    def close(self) -> None:
        """Let it go, and let others add to it."""

    def cancel_left(self) -> None:
        """Skip what is left, if that was ordered. For whoever holds the folder."""

    def tidy(self, before: int) -> None:
        """Begin to put the files of partitions together that were planned before an instant and have come to their end."""


@dataclass(frozen=True, slots=True)
class OpenWork:
    """A partition to deliver, of a run of a workflow."""

    workflow: str
    run: Path
    work: DeliveryWork


class Outbox:
    """``current`` are the folders of the workflows as they are now, by name; ``former`` those of other versions. ``wall`` gives UTC
    microseconds. For one thread."""

    def __init__(
        self, current: Mapping[str, OutboxFolder], former: Iterable[OutboxFolder], wall: Callable[[], int]
    ) -> None:
        self._current = dict(current)
        self._folders = {each.path: each for each in (*current.values(), *former)}
        self._next = {each.path: max(each.partitions(), default=-1) + 1 for each in current.values()}
        self._wall = wall
        self._held: set[Path] = set()
        self._given: set[tuple[Path, int]] = set()
        self._stopped: set[Path] = set()
        self._obeyed: dict[Path, int | None] = {}
        self._unsettled: deque[list[str]] = deque()
        self._settled: deque[tuple[int, list[str]]] = deque()
        self._known: set[str] = set()

    def run_of(self, workflow: str) -> Path:
        return self._current[workflow].path

    def commit(self, planned: PlannedSends) -> DeliveryWork | None:
        """Write the workflow's next partition, and give what is to be delivered of it now: None without messages, or under an order.

        Effects that are in a partition already are left out. ``settle`` is to follow.
        """
        self._forget()
        folder, planned = self._current[planned.workflow], self._fresh(planned)
        if not planned.effects:
            return None
        number = self._next[folder.path]
        counts = counted(planned.verdicts, planned.outbox).as_dict()
        names = list(planned.effects)
        result = {"number": number, "counts": counts, "effects": names, "at": planned.at}
        folder.commit(number, planned.verdicts, planned.outbox, result)
        self._next[folder.path] = number + 1
        self._unsettled.append(names)
        self._known.update(names)
        if not planned.outbox.num_rows or folder.path not in self._held:
            return None
        self._given.add((folder.path, number))
        return DeliveryWork(number, planned.outbox.num_rows)

    def settle(self, settle: Settle) -> int:
        """Settle the effects of all that was committed, and give how many were not settled before. Raises what ``settle`` raises; what
        is left is for the next time."""
        settled = 0
        while self._unsettled:
            settled += settle(self._unsettled[0])
            self._settled.append((self._wall(), self._unsettled.popleft()))
        return settled

    def recover(self, settle: Settle) -> int:
        """Settle the effects of the newest partitions again. Before any effect is leased: those of the partition that was the last to be
        written may not be settled yet."""
        return sum(self._recover(folder, settle) for folder in self._folders.values())

    def open(self, busy: Collection[Path] = ()) -> Iterator[OpenWork]:
        """What is left to deliver and has not been given out: at the start, and again now and then, for orders come and go.

        Of the runs in ``busy`` something is being delivered. Where there is an order, the folder is let go as soon as nothing is.
        """
        for path, folder in [*self._folders.items()]:
            if folder.ordered:
                self._obey(folder, busy)
            elif path in self._held and path not in self._stopped:
                continue
            elif path in self._held or folder.take():
                self._held.add(path)
                self._stopped.discard(path)
                yield from self._give(folder)
        self._forget_former()

    def delivered(self, result: Delivered) -> None:
        """A delivery has come to its end. It comes again by itself if it is due, and by ``open`` if it was stopped on order."""
        if result.partition.next_due is None:
            self._given.discard((result.run, result.partition.number))
        if result.stopped:
            self._stopped.add(result.run)

    def tidy(self, before: int) -> None:
        """Put the small files of partitions together that were planned before an instant and have ended, in the folders that are held,
        while all else goes on."""
        for path in self._held:
            self._folders[path].tidy(before)

    def close(self) -> None:
        """Let all folders go. What has been committed and not settled is found by the next one's ``recover``."""
        for folder in self._folders.values():
            folder.close()
        self._held.clear()

    def _recover(self, folder: OutboxFolder, settle: Settle) -> int:
        total, since = 0, None
        for number in reversed(folder.partitions()):
            result = folder.result(number)
            if result is None:
                break
            since = result["at"] - KEPT if since is None else since
            settled = settle(result["effects"])
            self._known.update(result["effects"])
            self._settled.append((self._wall(), result["effects"]))
            total += settled
            if not settled and result["at"] < since:
                break
        return total

    def _fresh(self, planned: PlannedSends) -> PlannedSends:
        """Without the effects that are in a partition already: two tasks may have had the same, when one was taken for lost."""
        new = np.array([name not in self._known for name in planned.effects], dtype=np.bool_)
        if new.all():
            return planned
        verdicts = planned.verdicts.filter(pa.array(new))
        outbox = with_clock(planned.outbox.filter(pa.array(new[planned.outbox.column("row").to_numpy()])), planned.at)
        names = [name for name, kept in zip(planned.effects, new, strict=True) if kept]
        return PlannedSends(planned.number, planned.workflow, names, verdicts, outbox, planned.counts, planned.at)

    def _forget(self) -> None:
        until = self._wall() - KEPT
        while self._settled and self._settled[0][0] < until:
            self._known.difference_update(self._settled.popleft()[1])

    def _give(self, folder: OutboxFolder) -> Iterator[OpenWork]:
        for work in folder.left():
            if (folder.path, work.number) not in self._given:
                self._given.add((folder.path, work.number))
                yield OpenWork(folder.workflow, folder.path, work)

    def _forget_former(self) -> None:
        """Let those go of which all is closed: nothing more is planned in them."""
        waiting = {run for run, _ in self._given} | self._stopped | self._next.keys()
        for path in self._held - waiting:
            self._let_go(self._folders.pop(path))

    def _obey(self, folder: OutboxFolder, busy: Collection[Path]) -> None:
        path, planned = folder.path, self._next.get(folder.path)
        if path in busy or (path not in self._held and self._obeyed.get(path, -1) == planned):
            return
        if path in self._held or folder.take():
            folder.cancel_left()
            self._let_go(folder)
            self._obeyed[path] = planned

    def _let_go(self, folder: OutboxFolder) -> None:
        folder.let_go()
        self._held.discard(folder.path)
