"""The gate of one partition: suppression as it is now, the recipient's hours, frequency caps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engine.audience.frequency import PartitionCaps
from engine.audience.quiet_hours import RecipientHours
from engine.audience.suppression import LiveSuppression
from engine.delivery.gate import Hold
from engine.ledger.replay import Standing
from engine.ledger.states import Reason, State

_SUPPRESSED = Hold(Reason.SUPPRESSED)
_CAPPED = Hold(Reason.CAPPED)
_PERHAPS_SENT = (
    State.ACCEPTED,
    State.UNKNOWN,
    State.INTENT,
    State.RESOLVED_SENT,
    State.RESOLVED_SKIPPED,
    State.RESOLVED_RESEND,
)


class PartitionGate:
    """``hours`` and ``caps`` are None where a campaign has none. ``wall`` gives UTC microseconds."""

    def __init__(
        self,
        suppression: LiveSuppression,
        hours: RecipientHours | None,
        caps: PartitionCaps | None,
        wall: Callable[[], int],
    ) -> None:
        self._suppression = suppression
        self._suppressed = suppression.holds
        self._hours = hours
        self._caps = caps
        self._wall = wall

    def recover(self, standing: Standing) -> None:
        if self._caps is None:
            return
        now = self._wall()
        rows = standing.rows(*_PERHAPS_SENT)
        # An intent's own time is before its final dot.
        at = np.where(standing.state[rows] == State.INTENT, now, standing.log.at[standing.last[rows]])
        self._caps.recover(dict(zip(rows.tolist(), at.tolist(), strict=True)), now)

    def refresh(self) -> None:
        self._suppression.refresh()
        if self._caps is not None:
            self._caps.flush()

    def admit(self, rows: Sequence[int]) -> Mapping[int, Hold]:
        return {} if self._caps is None else dict.fromkeys(self._caps.reserve(rows, self._wall()), _CAPPED)

    def look(self, row: int, now: int) -> Hold | None:
        if self._suppressed(row):
            return _SUPPRESSED
        if self._hours is not None and (opening := self._hours.opening(row, now)):
            return Hold(Reason.QUIET_HOURS, opening)
        return None

    def admitted(self, row: int, now: int) -> bool:
        return self._caps is None or self._caps.reserved(row, now)

    def settle(self, row: int, sent_at: int | None) -> None:
        if self._caps is not None:
            self._caps.settle(row, sent_at)

    def close(self) -> None:
        if self._caps is not None:
            self._caps.release()
