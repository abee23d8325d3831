"""The capacity controller: one named actor a cluster. Its rules are pure; here they are given eyes and hands."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import ray
from ray.autoscaler.sdk import request_resources
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine.cluster.load import NodeLoad, cpus_of, load_here
from engine.control import Bounds, Capacity, Decision, Reading, decide
from engine.control.rules import RULES

NAME = "mailray-controller"
NAMESPACE = "mailray"
LEASE_SECONDS = 30.0  # of a run that says nothing, and of a controller without runs
LOAD_SECONDS = 10.0  # a node's load is known for so long
START = Capacity(window=2, delivery_workers=1, requested_cpus=0)


@dataclass(frozen=True, slots=True)
class Demand:
    """Partitions of a phase, those that wait and those that are worked on; ``node`` is the one on which they must be, if it is one."""

    phase: str
    pending: int
    in_flight: int
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may have: delivery workers, and CPUs that it may ask an autoscaler to bring the cluster to (0: ask for nothing)."""

    delivery_workers: int
    cpus: int


@dataclass
class _Share:
    """What one run has of the cluster, and how far its partitions are."""

    capacity: Capacity = START
    progress: dict[int, Mapping[str, int]] = field(default_factory=dict)
    heard: float = 0.0


# Its calls may be repeated, and what it forgets in a restart it hears again within a second.
@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class Controller:
    """Holds the capacity of the runs on this cluster, and how far deliveries have come.

    ``request_resources`` is one value for the whole cluster and outlives who asked, so exactly one such actor may exist. A run
    whose driver has died loses its share with its lease; a controller that has had no run for so long ends itself.
    """

    def __init__(self, lease_seconds: float = LEASE_SECONDS) -> None:
        self._lease = lease_seconds
        self._shares: dict[str, _Share] = {}
        self._loads: dict[str, tuple[float, NodeLoad]] = {}
        self._lock = threading.Lock()
        self._idle_since = time.monotonic()
        self._requested = 0
        request_resources(bundles=[])  # what a controller before this one asked for
        threading.Thread(target=self._watch, daemon=True).start()

    def tick(self, run: str, demand: Demand, limits: Limits) -> Decision:
        """Read the cluster, apply the rules, act, and give the decision with its reasons."""
        with self._lock:
            share = self._share(run)
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            bounds = Bounds(limits.delivery_workers)
            decision = decide(self._read(demand, limits.cpus), share.capacity, bounds, RULES, at)
            share.capacity = decision.after
            self._request()
        return decision

    def report_load(self, loads: Sequence[NodeLoad]) -> None:
        """Nodes on which work was done say how busy they are."""
        now = time.monotonic()
        with self._lock:
            self._loads.update({load.node: (now, load) for load in loads})

    def report_progress(self, run: str, partition: int, counts: Mapping[str, int], load: NodeLoad) -> None:
        """A delivery worker says how far a partition is."""
        self.report_load([load])
        with self._lock:
            self._share(run).progress[partition] = counts

    def progress(self, run: str) -> dict[int, Mapping[str, int]]:
        with self._lock:
            return dict(self._share(run).progress)

    def release(self, run: str) -> None:
        """The run is over; its share is free."""
        with self._lock:
            self._drop([run])

    def _share(self, run: str) -> _Share:
        share = self._shares.setdefault(run, _Share())
        share.heard = time.monotonic()
        return share

    def _drop(self, runs: Sequence[str]) -> None:
        for run in runs:
            self._shares.pop(run, None)
        self._idle_since = time.monotonic()
        self._request()

    def _read(self, demand: Demand, most_cpus: int) -> Reading:
        cpus = cpus_of(demand.node)
        since = time.monotonic() - LOAD_SECONDS
        self._loads = {node: each for node, each in self._loads.items() if each[0] >= since}
        loads = [load_here(), *(load for _, load in self._loads.values())]
        return Reading(
            phase=demand.phase,
            pending=demand.pending,
            in_flight=demand.in_flight,
            cpus=cpus,
            cpus_possible=cpus if demand.node else max(cpus, most_cpus),
            cpu_percent=max(load.cpu_percent for load in loads),
            memory_percent=max(load.memory_percent for load in loads),
        )

    def _request(self) -> None:
        """Ask for what all runs together want; 0 is no more than there is."""
        wanted = sum(share.capacity.requested_cpus for share in self._shares.values())
        if wanted != self._requested:
            request_resources(num_cpus=wanted or None, bundles=[])
            self._requested = wanted

    def _watch(self) -> None:
        """Take back the shares of runs that are gone, and go when there is none left."""
        while True:
            time.sleep(min(1.0, self._lease / 4))
            since = time.monotonic() - self._lease
            with self._lock:
                gone = [run for run, share in self._shares.items() if share.heard < since]
                if gone:
                    self._drop(gone)
                idle = not self._shares and self._idle_since < since
            if idle:
                ray.kill(ray.get_runtime_context().current_actor)
                return


def controller() -> Any:
    """The cluster's controller, made if it is not there yet.

    On this node if it can be: a job's driver is on the head, and another node with an actor would never count as idle.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return Controller.options(  # type: ignore[attr-defined]
        name=NAME, namespace=NAMESPACE, lifetime="detached", get_if_exists=True, scheduling_strategy=here
    ).remote()
