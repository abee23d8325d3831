"""The capacity controller: one named actor a cluster. Its rules are pure; here they are given eyes and hands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psutil
import ray
from ray.autoscaler.sdk import request_resources

from engine.control import Bounds, Capacity, Decision, Reading, decide
from engine.control.rules import RULES

NAME = "mailray-controller"
NAMESPACE = "mailray"
MOST_CPUS = 100_000  # an unbounded cluster says a number near 2**63


@ray.remote(num_cpus=0, max_restarts=-1)
class Controller:
    """Holds the capacity of the runs on this cluster, and how far deliveries have come.

    ``request_resources`` is one value for the whole cluster, so exactly one such actor may exist.
    """

    def __init__(self) -> None:
        self._capacity = Capacity(window=2, delivery_workers=1, requested_cpus=0)
        self._progress: dict[str, dict[int, dict[str, int]]] = {}
        psutil.cpu_percent()  # the first call only starts the measurement
        self.release()

    def tick(self, phase: str, pending: int, in_flight: int, delivery_workers: int) -> Decision:
        """Read the cluster, apply the rules, act, and give the decision with its reasons."""
        cpus = ray.cluster_resources().get("CPU", 1.0)
        reading = Reading(
            phase=phase,
            pending=pending,
            in_flight=in_flight,
            cpus=cpus,
            cpus_possible=max(cpus, _cpus_possible()),
            cpu_percent=psutil.cpu_percent(),
            memory_percent=psutil.virtual_memory().percent,
        )
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        decision = decide(reading, self._capacity, Bounds(delivery_workers), RULES, at)
        if decision.after.requested_cpus != self._capacity.requested_cpus:
            request_resources(num_cpus=decision.after.requested_cpus or None, bundles=[])
        self._capacity = decision.after
        return decision

    def report(self, run: str, partition: int, counts: dict[str, int]) -> None:
        """A delivery worker says how far a partition is."""
        self._progress.setdefault(run, {})[partition] = counts

    def progress(self, run: str) -> dict[int, dict[str, int]]:
        return dict(self._progress.get(run, {}))

    def release(self, run: str | None = None) -> None:
        """Ask for no more than there is. A request outlives the driver that made it, so this is done at the end and at the start."""
        self._progress.pop(run or "", None)
        request_resources(bundles=[])


def _cpus_possible() -> float:
    """The CPUs that the cluster's autoscaler may bring it to; 0 when it has none."""
    # Ray's own libraries ask here too; there is no public way.
    limits = ray._private.state.state.get_max_resources_from_cluster_config()
    return float(min(limits.get("CPU", 0), MOST_CPUS)) if limits else 0.0


def controller() -> Any:
    """The cluster's controller, made if it is not there yet."""
    return Controller.options(  # type: ignore[attr-defined]
        name=NAME, namespace=NAMESPACE, lifetime="detached", get_if_exists=True
    ).remote()
