"""The workers of an automation, wherever they stand; here those that are threads of this process."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.errors import InternalError, MailrayError
from engine.pipeline.automation.cache_figures import CacheTotals
from engine.pipeline.automation.contract import Result, Task, Worker

TASKS_AT_A_TIME = 8
"""Tasks that a worker may have in hand: they wait for databases, relays and other people's addresses more than they compute."""
RESTING = 0.02
"""Seconds between two looks when nothing is in hand: a critical event is met soon, and an idle job is no load."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker is gone; what it had in hand may have been done, in part or not at all."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that has come to its end after so many seconds: by a result, a fault, or the loss of its worker."""

    task: Task
    outcome: Result | MailrayError | Lost
    seconds: float


class Crew(Protocol):
    """Workers that are given tasks. For one thread."""

    @property
    def workers(self) -> Sequence[str]:
        """The names of those that may be given tasks."""

    @property
    def caches(self) -> CacheTotals:
        """What the caches of the workers did, as far as it was heard of them."""

    def demand(self, waiting: int) -> None:
        """So many tasks wait besides those in hand: there may be more workers, or fewer; whoever has something in hand ends it first."""

    def start(self, worker: str, task: Task) -> None: ...

    def ended(self, seconds: float) -> Sequence[Ended]:
        """The tasks that have ended since the last look; waits so long for the first of them. Whatever a task has raised is its outcome."""

    def stop(self) -> None:
        """Let no worker begin a further message."""

    def close(self) -> None: ...


class ThreadCrew:
    """One worker, whose tasks are threads of this process. ``monotonic`` gives seconds."""

    def __init__(self, worker: Worker, monotonic: Callable[[], float]) -> None:
        self._worker = worker
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(TASKS_AT_A_TIME, "worker")
        self._running: dict[Future[Result], tuple[Task, float]] = {}
        self._caches = CacheTotals()

    @property
    def workers(self) -> Sequence[str]:
        return ("here",)

    @property
    def caches(self) -> CacheTotals:
        self._caches.heard("here", self._worker.cache_news())
        return self._caches

    def demand(self, waiting: int) -> None:
        """There is one process, and so one worker."""

    def start(self, worker: str, task: Task) -> None:
        self._running[self._threads.submit(self._worker.do, task)] = (task, self._monotonic())

    def ended(self, seconds: float) -> Sequence[Ended]:
        if not self._running:
            time.sleep(min(seconds, RESTING) if seconds else 0)
            return ()
        done, _ = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        return [self._end(each) for each in done]

    def stop(self) -> None:
        self._worker.stop()

    def close(self) -> None:
        self._worker.stop()
        self._threads.shutdown()
        self._worker.close()

    def _end(self, future: Future[Result]) -> Ended:
        task, began = self._running.pop(future)
        seconds = self._monotonic() - began
        try:
            return Ended(task, future.result(), seconds)
        except MailrayError as fault:
            return Ended(task, fault, seconds)
        except Exception as fault:
            return Ended(task, own_fault(fault), seconds)


def own_fault(fault: Exception) -> InternalError:
    """MR900: what nobody meant to raise, and where. What it says is left out: it may name people."""
    frames = traceback.extract_tb(fault.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return InternalError.single("MR900", f"a fault in mailray itself: {type(fault).__name__}{where}")
