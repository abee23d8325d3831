"""How large a cluster is, and how busy a node.

Whoever works on a partition says how busy its node is, so the controller hears of the nodes that matter and of no others.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import psutil
import ray

psutil.cpu_percent()  # the first call only starts the measurement


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """In per cent, 0 to 100, since the last look from the same process."""

    node: str
    cpu_percent: float
    memory_percent: float


def load_here() -> NodeLoad:
    """The load of the node that this process is on."""
    return NodeLoad(socket.gethostname(), psutil.cpu_percent(), psutil.virtual_memory().percent)


def cpus_of(node: str | None) -> float:
    """The CPUs of a node, or those of the whole cluster."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return float(
        sum(each["Resources"].get("CPU", 0) for each in nodes if each["Alive"] and node in (None, each["NodeID"]))
    )
