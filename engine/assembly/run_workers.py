"""Delivery from any run's folder: what it takes is opened when it is first asked for, and kept for a while."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.run_control import RunControl
from engine.assembly.run import reopen_run
from engine.assembly.settings import AppSettings
from engine.assembly.worker import open_worker
from engine.cache.objects import ObjectCache
from engine.delivery.dispatch import never
from engine.pipeline.automation.contract import Deliver, Delivered
from engine.pipeline.definition import EXECUTION
from engine.pipeline.programs import program_bytes
from engine.pipeline.work import DeliveryProgress, PartitionDelivery, StageFigures
from engine.pipeline.worker import Worker
from engine.workflow.executions import MEASURED

MOST_OPEN = 16
IDLE_SECONDS = 900.0
PROGRAM_BYTES = 16 << 20  # of each run: two that deliver at a time share nothing that remembers
_MAKING = ("render", "mime", "dkim")


@dataclass
class _Open:
    """A run's worker, once it is open; whoever delivers has it alone."""

    used: float
    mutex: threading.Lock = field(default_factory=threading.Lock)
    worker: Worker | None = None


class RunWorkers:
    """For several threads; of one run one partition is delivered at a time. ``halted`` is looked at before each message."""

    def __init__(
        self,
        settings: AppSettings,
        halted: Callable[[], bool] = never,
        monotonic: Callable[[], float] = time.monotonic,
        most: int = MOST_OPEN,
    ) -> None:
        self._settings = settings
        self._halted = halted
        self._monotonic = monotonic
        self._most = most
        self._mutex = threading.Lock()
        self._open: dict[Path, _Open] = {}
        self._stopped = False

    def deliver(self, task: Deliver) -> Delivered:
        """Raises what opening the run's campaign raises, and what the delivery of a partition raises: it may be done again."""
        if self._stopped or RunControl(task.run).order() is not None:
            return Delivered(task.number, task.run, PartitionDelivery(task.work.number, {}, {}, stopped=True), True)
        run = self._entry(task.run)
        with run.mutex:
            if run.worker is None:
                run.worker = self._opened(task.run)
            executions = PlanFiles(task.run).column(task.work.number, EXECUTION)
            cpu, began = time.process_time(), time.perf_counter()
            done = run.worker.deliver(task.work, _tell_nobody)
            use = 100 * (time.process_time() - cpu) / max(time.perf_counter() - began, 1e-9)
            run.used = self._monotonic()
        measured = _measured(executions, done.stages, use)
        return Delivered(task.number, task.run, done, done.stopped, measured)

    def stop(self) -> None:
        """Begin no further message."""
        with self._mutex:
            self._stopped = True
            opened = list(self._open.values())
        for each in opened:
            if each.worker is not None:
                each.worker.stop()

    def close(self) -> None:
        self.stop()
        with ExitStack() as closing:
            for each in self._open.values():
                closing.callback(_close, each)
        self._open.clear()

    def _entry(self, run: Path) -> _Open:
        now = self._monotonic()
        with self._mutex:
            found = self._open.pop(run, None) or _Open(now)
            leaving = [path for path, each in self._open.items() if each.used < now - IDLE_SECONDS]
            leaving += [path for path in self._open if path not in leaving][: max(0, len(self._open) + 1 - self._most)]
            left = [self._open.pop(path) for path in leaving if not self._open[path].mutex.locked()]
            self._open[run] = found
        for each in left:
            _close(each)
        return found

    def _opened(self, run: Path) -> Worker:
        opened = reopen_run(run, self._settings, check_origin=False)
        return open_worker(
            opened.job,
            lambda: opened.campaign.templates,
            lambda: self._stopped or self._halted(),
            ObjectCache(PROGRAM_BYTES, program_bytes),
        )


def _measured(executions: pa.ChunkedArray, stages: StageFigures, use: float) -> pa.RecordBatch:
    """MEASURED of a partition's executions: its times shared by its messages, and the process as it is."""
    seconds = {name: figure["seconds"] for name, figure in stages.items()}
    making = sum(seconds.get(name, 0.0) for name in _MAKING)
    sending = max(0.0, seconds.get("deliver", 0.0) - making)
    shares = pc.value_counts(executions.combine_chunks())
    ids, messages = shares.field("values"), shares.field("counts").to_numpy()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    columns = {
        "execution_id": ids,
        "database_query_time_ms": pa.repeat(0.0, len(ids)),
        "template_render_time_ms": pa.array(1_000 * making / len(executions) * messages),
        "email_send_time_ms": pa.array(1_000 * sending / len(executions) * messages),
        "total_memory_mb": pa.repeat(memory, len(ids)),
        "cpu_usage_percent": pa.repeat(use, len(ids)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=MEASURED)


def _close(run: _Open) -> None:
    with run.mutex:
        if run.worker is not None:
            run.worker.close()
            run.worker = None


def _tell_nobody(_: DeliveryProgress) -> None:
    """How far a partition is, is of no interest: there are many, and small ones."""
