"""The gate of one partition: suppression as it is now, the recipient's hours, frequency caps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from engine.audience.frequency import Cap, CapsStore, PartitionCaps, recipient_digests
from engine.audience.quiet_hours import QuietHours, RecipientHours
from engine.audience.suppression import GLOBAL, LiveSuppression, SuppressionStore
from engine.campaign.durations import microseconds, time_of_day
from engine.campaign.schema import Campaign
from engine.delivery.gate import Hold
from engine.ledger.replay import Standing
from engine.ledger.states import Reason, State
from engine.pipeline.definition import TENANT, ZONE

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


class Gates:
    """Makes the gates of a run's partitions. ``run`` names the run for ever; ``start`` is its clock in UTC microseconds."""

    def __init__(
        self,
        campaign: Campaign,
        run: str,
        start: int,
        suppression: SuppressionStore,
        caps: CapsStore,
        wall: Callable[[], int],
    ) -> None:
        self._campaign = campaign
        self._run = run
        self._start = start
        self._suppression = suppression
        self._caps = caps
        self._wall = wall

    def of(self, partition: int, outbox: pa.RecordBatch) -> PartitionGate:
        """The gate of the messages of a partition's outbox."""
        live = LiveSuppression(self._suppression, self._campaign.audience.list_ or GLOBAL, outbox.column("address"))
        return PartitionGate(live, self._hours(outbox), self._frequency(partition, outbox), self._wall)

    def _hours(self, outbox: pa.RecordBatch) -> RecipientHours | None:
        quiet, send_at = self._campaign.limits.quiet_hours, self._campaign.delivery.send_at
        if quiet is None and send_at is None:
            return None
        zones = outbox.column(ZONE) if ZONE in outbox.schema.names else pa.nulls(outbox.num_rows, pa.string())
        hours = None if quiet is None else QuietHours(_minute(quiet.from_), _minute(quiet.until))
        due = None if send_at is None else time_of_day(send_at)
        return RecipientHours(zones, self._campaign.timezone, hours, due, self._start)

    def _frequency(self, partition: int, outbox: pa.RecordBatch) -> PartitionCaps | None:
        caps = [Cap(each.messages, microseconds(each.per)) for each in self._campaign.limits.frequency]
        if not caps:
            return None
        recipients = recipient_digests(TENANT, outbox.column("address"))
        return PartitionCaps(self._caps, caps, f"{self._run}/{partition}", outbox.column("key").to_pylist(), recipients)


def _minute(text: str) -> int:
    moment = time_of_day(text)
    return moment.hour * 60 + moment.minute
