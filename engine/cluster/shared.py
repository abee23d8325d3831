"""A run's folder is on a disk that all nodes have and that outlives a job, and its ledger is written from one node
where it is not a database; what is not so is said before anything is done."""

from __future__ import annotations

import socket
from pathlib import Path

from engine.cluster.load import cpus_of
from engine.errors import ServiceError, UsageError
from engine.pipeline.records import MANIFEST

JOB_COPY = "working_dir_files"  # where Ray unpacks what was submitted with a job, until it needs the room


def check_lasting(run: Path) -> None:
    """Raises UsageError when the folder would go with the job."""
    if JOB_COPY in run.parts:
        raise UsageError.single(
            "MR806",
            f"the run's folder {run} is in the job's own copy of its files, which Ray deletes",
            help="give --run-dir (or MAILRAY_RUNS) as an absolute path on a disk that all nodes share",
        )


def check_visible(run: Path) -> None:
    """Raises ServiceError when this node does not see the folder."""
    if not (run / MANIFEST).exists():
        raise ServiceError.single(
            "MR807",
            f"the node {socket.gethostname()} does not see the run's folder {run}",
            help="--run-dir must be on a disk that all nodes share under the same path",
        )


def check_can_deliver(node: str) -> None:
    """Raises ServiceError when the driver's node has no CPU for a delivery worker."""
    if cpus_of(node) < 1:
        raise ServiceError.single(
            "MR808",
            "this node of the cluster has no CPU, and a ledger or stores in files can only be written from here",
            help="start Ray here with --num-cpus=1 or more, or let `ledger` and `store` be a database",
        )
