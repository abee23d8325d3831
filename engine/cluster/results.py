"""What became of work that was given to Ray, in this project's own faults."""

from __future__ import annotations

from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from engine.errors import MailrayError, TryAgainError

RESUME = "nothing is lost: `mailray resume` goes on; smaller partitions (capacity.partition_rows) need less memory"


def result_of(reference: Any) -> Any:
    """The result, or the fault as it was raised in the worker.

    Raises RayActorError when the actor is gone, TryAgainError (MR803) when Ray could not get a task done.
    """
    try:
        return ray.get(reference)
    except RayTaskError as fault:
        if isinstance(fault.cause, MailrayError):
            raise fault.cause from None
        raise fault.cause or fault from fault
    except RayActorError:
        raise
    except RayError as fault:
        raise TryAgainError.single("MR803", f"Ray lost work again and again: {summary(fault)}", help=RESUME) from fault


def summary(fault: RayError) -> str:
    """The beginning of what Ray says, which may go on for pages."""
    return " ".join(str(fault).split())[:200]
