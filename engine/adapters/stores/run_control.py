"""What somebody has ordered of a run that may be at work elsewhere: a file in its folder, at which everybody who sends looks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from engine.errors import RefusedError, TryAgainError

LOOK_SECONDS = 0.25


class Order(StrEnum):
    PAUSE = "pause"
    CANCEL = "cancel"


class RunControl:
    """The orders of one run. ``monotonic`` gives seconds."""

    def __init__(self, run: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._path = run / "control.json"
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._stopped = False

    def give(self, order: Order, at: datetime) -> None:
        """Order it, durably. A cancelled run stays so: raises RefusedError (MR509) for a pause."""
        if order is Order.PAUSE:
            self._refuse_cancelled()
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps({"order": order.value, "at": at.isoformat()}) + "\n", encoding="utf-8")
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(self._path)

    def order(self) -> Order | None:
        """The order in force. A file that cannot be read is a pause: nothing is sent on a doubtful order."""
        try:
            return Order(json.loads(self._path.read_text(encoding="utf-8"))["order"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError):
            return Order.PAUSE

    def lift(self) -> None:
        """End a pause. Raises RefusedError (MR509) when the run was cancelled."""
        self._refuse_cancelled()
        self._path.unlink(missing_ok=True)

    def stopped(self) -> bool:
        """Whether there is an order to stop; quick, and never older than ``LOOK_SECONDS``."""
        now = self._monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._stopped = self._path.exists()
        return self._stopped

    def check(self) -> None:
        """For the phases before anything is sent: raises TryAgainError (MR510) when paused, RefusedError (MR509) when cancelled."""
        if self.stopped():
            self._refuse_cancelled()
            raise TryAgainError.single(
                "MR510", f"the run {self._run} was paused", help=f"`mailray resume {self._run}` goes on with it"
            )

    def _refuse_cancelled(self) -> None:
        if self.order() is Order.CANCEL:
            raise RefusedError.single(
                "MR509",
                f"the run {self._run} was cancelled",
                help="what was not sent is skipped for good; start a new run",
            )
