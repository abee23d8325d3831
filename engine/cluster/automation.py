"""The crew of an automation on Ray: actors that hold what is compiled and open, as many as the controller allows."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine.assembly.automation import AutomationJob, open_automation_worker
from engine.cluster.capacity import CapacityControl, OnDecision
from engine.cluster.controller import Demand, Limits
from engine.cluster.heartbeat import Heartbeat
from engine.cluster.load import NodeLoad, load_here
from engine.cluster.results import result_of, summary
from engine.cluster.session import session
from engine.cluster.shared import check_can_deliver
from engine.errors import MailrayError
from engine.pipeline.automation.cache_figures import CacheNews, CacheTotals
from engine.pipeline.automation.contract import Result, Task, Worker
from engine.pipeline.automation.crew import TASKS_AT_A_TIME, Ended, Lost, own_fault
from engine.workflow.executions import Owner

BEAT_SECONDS = 2.0
STOP_SECONDS = 30.0  # for the replies to what is on the wire; what has none by then is in doubt, and listed
MOST_GONE = 64
"""Workers whose claims are free at once; those that were lost earlier have none any more, unless they die so fast that nothing goes on."""


# Ray never repeats a task: what was lost comes again, in another actor. The other calls at a time are `stop` and `beat`.
@ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=TASKS_AT_A_TIME + 2)  # type: ignore[call-overload]
class AutomationActor:
    """Ends with the driver that made it. Nothing can go wrong in its making, whose faults would not come out as themselves. ``owner`` is
    the name under which it claims executions."""

    def __init__(self, job: AutomationJob, owner: str) -> None:
        self._job = job
        self._owner = Owner(owner)
        self._heartbeat = Heartbeat(time.monotonic)
        self._opening = threading.Lock()
        self._worker: Worker | None = None

    def do(self, task: Task, gone: Sequence[str]) -> tuple[Result, CacheNews, NodeLoad]:
        """``gone`` are the owners that are known to be dead."""
        self._owner.gone = gone
        worker = self._opened()
        return worker.do(task), worker.cache_news(), load_here()

    def beat(self) -> None:
        """The driver is there."""
        self._heartbeat.beat()

    def stop(self) -> None:
        """Begin no further message."""
        if self._worker is not None:
            self._worker.stop()

    def _opened(self) -> Worker:
        with self._opening:
            if self._worker is None:
                self._heartbeat.begin()
                self._worker = open_automation_worker(self._job, self._heartbeat.lost, self._owner)
            return self._worker


class RayCrew:
    """Actors on a cluster. ``node`` is where all of them must be, if the stores are files."""

    def __init__(self, job: AutomationJob, node: str | None, control: CapacityControl) -> None:
        self._job = ray.put(job)
        self._node = node
        self._control = control
        self._names = (f"worker-{number}" for number in count(1))
        self._crew = uuid.uuid4().hex
        self._gone: deque[str] = deque(maxlen=MOST_GONE)
        self.caches = CacheTotals()
        self._actors: dict[str, Any] = {}
        self._leaving: dict[str, Any] = {}
        self._running: dict[Any, tuple[str, Task, float]] = {}
        self._next_beat = 0.0
        self.demand(0)

    @property
    def workers(self) -> Sequence[str]:
        return tuple(self._actors)

    def demand(self, waiting: int) -> None:
        in_hand = len(self._running)
        wanted = self._control.now(Demand("automate", waiting, in_hand, self._node)).delivery_workers
        while len(self._actors) < wanted:
            name = next(self._names)
            self._actors[name] = self._begin(self._owner(name))
        while len(self._actors) > wanted:
            name, actor = self._actors.popitem()
            self._leaving[name] = actor
        busy = {name for name, _, _ in self._running.values()}
        for name in [each for each in self._leaving if each not in busy]:
            ray.kill(self._leaving.pop(name))

    def start(self, worker: str, task: Task) -> None:
        self._running[self._actors[worker].do.remote(task, [*self._gone])] = (worker, task, time.monotonic())

    def ended(self, seconds: float) -> Sequence[Ended]:
        self._beat()
        if not self._running:
            time.sleep(seconds)
            return ()
        ready, _ = ray.wait(list(self._running), timeout=seconds)
        more, _ = ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        return [self._end(each) for each in dict.fromkeys([*ready, *more])]

    def stop(self) -> None:
        for actor in self._actors.values():
            actor.stop.remote()

    def close(self) -> None:
        """End all actors, when the messages on the wire have their outcome."""
        try:
            self.stop()
            if self._running:
                ray.wait(list(self._running), num_returns=len(self._running), timeout=STOP_SECONDS)
        finally:
            for actor in [*self._actors.values(), *self._leaving.values()]:
                ray.kill(actor)
            self._control.release()

    def _owner(self, worker: str) -> str:
        """No two workers of any crew have the same, and no worker begins again: one that is gone claims nothing more for good."""
        return f"{self._crew} {worker}"

    def _begin(self, owner: str) -> Any:
        where = "SPREAD" if self._node is None else NodeAffinitySchedulingStrategy(self._node, soft=False)
        return AutomationActor.options(scheduling_strategy=where).remote(self._job, owner)  # type: ignore[attr-defined]

    def _end(self, reference: Any) -> Ended:
        name, task, began = self._running.pop(reference)
        seconds = time.monotonic() - began
        try:
            result, news, load = result_of(reference)
        except RayActorError as fault:
            self._forget(name)
            return Ended(task, Lost(summary(fault)), seconds)
        except MailrayError as fault:
            return Ended(task, fault, seconds)
        except Exception as fault:
            return Ended(task, own_fault(fault), seconds)
        self._control.heard([load])
        self.caches.heard(name, news)
        return Ended(task, result, seconds)

    def _forget(self, name: str) -> None:
        actor = self._actors.pop(name, None) or self._leaving.pop(name, None)
        if actor is not None:
            self._gone.append(self._owner(name))
            ray.kill(actor)  # Ray may only have lost sight of it

    def _beat(self) -> None:
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + BEAT_SECONDS
            for actor in [*self._actors.values(), *self._leaving.values()]:
                actor.beat.remote()


@contextmanager
def ray_crew(
    job: AutomationJob,
    *,
    workers: int,
    address: str | None,
    object_store_mib: int,
    most_cpus: int | None,
    decided: OnDecision,
) -> Iterator[RayCrew]:
    """A crew of at most so many workers on the cluster at ``address``, which may be asked to grow to ``most_cpus``, or on a local one
    that ends with it."""
    with session(address, object_store_mib=object_store_mib):
        # Files are for the processes of one machine, as a run's are.
        node = None if job.reached_by_all else ray.get_runtime_context().get_node_id()
        if node is not None:
            check_can_deliver(node)
        crew = RayCrew(job, node, CapacityControl(job.name, Limits(workers, most_cpus or 0), decided))
        try:
            yield crew
        finally:
            crew.close()
