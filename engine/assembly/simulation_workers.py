"""The partitions of a simulation, each by whichever process of this machine is free."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from engine.adapters.stores.partition_files import PartitionFiles
from engine.assembly.simulation_events import Progress
from engine.assembly.steps import installed_steps
from engine.pipeline.simulation.contract import DAY, SimulationPlan, Told
from engine.pipeline.simulation.figures import Figures
from engine.pipeline.simulation.outcome import MESSAGES
from engine.pipeline.simulation.partition import Simulation

SIMULATING = "simulating"
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SimulationWork:
    """``count`` partitions, which are in ``folder``; travels to processes."""

    plan: SimulationPlan
    folder: Path
    count: int

    @property
    def files(self) -> PartitionFiles:
        return PartitionFiles(self.folder, self.count)


class SimulationWorker:
    """Compiled once, for any number of partitions."""

    def __init__(self, work: SimulationWork) -> None:
        self._files, self._count = work.files, len(work.plan.workflows)
        self._simulation = Simulation(work.plan, installed_steps())

    def do(self, number: int, told: Told) -> Figures:
        """Simulate a partition; its messages are kept beside it."""
        people = [self._files.read(f"people-{each}", number) for each in range(self._count)]
        found = self._simulation.of(people, self._files.read("events", number), told)
        self._files.keep("messages", number, found.messages, MESSAGES)
        return found.figures


def simulated(work: SimulationWork, workers: int, progress: Progress) -> Generator[tuple[int, Figures]]:
    """The figures of all partitions, in their order; in this process if one is enough."""
    total = work.count * work.plan.days
    if min(workers, work.count) > 1:
        yield from _by_processes(work, min(workers, work.count), progress, total)
        return
    worker, done = SimulationWorker(work), 0

    def told(micros: int) -> None:
        nonlocal done
        done += micros
        progress(SIMULATING, done // DAY, total)

    for number in range(work.count):
        yield number, worker.do(number, told)


def _by_processes(work: SimulationWork, workers: int, progress: Progress, total: int) -> Generator[tuple[int, Figures]]:
    """A process that was started anew shares nothing with the threads of this one."""
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    pool = ProcessPoolExecutor(workers, context, _begin, (work, done))
    try:
        futures: list[Future[Figures]] = [pool.submit(_do, number) for number in range(work.count)]
        for number, future in enumerate(futures):
            while not wait([future], _LOOK_SECONDS, FIRST_COMPLETED).done:
                progress(SIMULATING, done.value // DAY, total)
            yield number, future.result()
        progress(SIMULATING, total, total)
    except BaseException:
        for child in multiprocessing.active_children():  # nobody waits for what they find
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: SimulationWorker
_done: Any


def _begin(work: SimulationWork, done: Any) -> None:
    """An interrupt of the terminal ends this process as well as the one that waits for it, and only that one speaks of it."""
    global _worker, _done
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    pa.set_cpu_count(1)
    _worker, _done = SimulationWorker(work), done


def _do(number: int) -> Figures:
    def told(micros: int) -> None:
        with _done.get_lock():
            _done.value += micros

    return _worker.do(number, told)
