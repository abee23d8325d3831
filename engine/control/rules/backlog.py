"""Backlog: as much in flight as the cluster can work on, and a larger cluster when work waits.

A fixed window hides demand from the cluster's autoscaler: it sees only what has been submitted. So the window follows the CPUs.
"""

from __future__ import annotations

import math

from engine.control.capacity import Bounds, Capacity, Proposal, Reading

PARTITIONS_PER_CPU = 2


class Backlog:
    name = "backlog"

    def propose(self, reading: Reading, capacity: Capacity, bounds: Bounds) -> Proposal | None:
        waiting = reading.pending + reading.in_flight
        wanted_cpus = min(self._useful_cpus(reading, waiting, bounds), math.floor(reading.cpus_possible))
        after = Capacity(
            window=min(bounds.window, max(2, PARTITIONS_PER_CPU * math.floor(reading.cpus))),
            delivery_workers=max(1, min(bounds.delivery_workers, waiting, math.floor(reading.cpus))),
            requested_cpus=wanted_cpus if wanted_cpus > reading.cpus else 0,
        )
        if after == capacity:
            return None
        return Proposal(after, f"{waiting} partitions to do, {reading.cpus:g} of {reading.cpus_possible:g} CPUs there")

    def _useful_cpus(self, reading: Reading, waiting: int, bounds: Bounds) -> int:
        """A delivery worker has a CPU of its own; more CPUs than workers would stand idle."""
        if reading.phase in ("deliver", "automate"):
            return min(waiting, bounds.delivery_workers)
        return math.ceil(waiting / PARTITIONS_PER_CPU)
