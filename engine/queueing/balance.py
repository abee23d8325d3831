"""Which worker takes a batch: the one that has its workflow warm, unless that one has clearly more to do than the least busy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

SLACK = 1.25
"""A warm worker is preferred while its load is at most so many times the average (as in consistent hashing with bounded loads,
Mirrokni, Thorup and Zadimoghaddam, 2016)."""


def worker_for(workflow: str, load: Mapping[str, int], items: int) -> str:
    """``load``: items that each worker has in hand; ``items``: those of the batch. Raises ValueError without workers.

    The workers are tried in an order that is the workflow's own (rendezvous hashing), so that a worker that comes or goes moves few
    workflows.
    """
    if not load:
        raise ValueError("there are no workers")
    bound = SLACK * (sum(load.values()) + items) / len(load)
    order = sorted(load, key=lambda worker: _weight(workflow, worker), reverse=True)
    fitting = (worker for worker in order if load[worker] + items <= bound)
    return next(fitting, min(order, key=load.__getitem__))


def _weight(workflow: str, worker: str) -> bytes:
    return hashlib.blake2b(f"{len(workflow)}:{workflow}{worker}".encode(), digest_size=8).digest()
