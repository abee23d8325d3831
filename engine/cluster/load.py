"""How busy a node is. Whoever works on a partition says it, so the controller hears of the nodes that matter and of no others."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import psutil

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
