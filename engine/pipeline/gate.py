"""The gate of one partition: suppression as it is now, the recipient's hours, frequency caps, a warm-up's daily allowance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from engine.audience.frequency import Cap, CapsStore, PartitionCaps, recipient_digests
from engine.audience.quiet_hours import QuietHours, RecipientHours
from engine.audience.suppression import GLOBAL, ListedAddresses, LiveSuppression, SuppressionStore
from engine.campaign.durations import microseconds, time_of_day
from engine.campaign.schema import Campaign
from engine.delivery.gate import Hold
from engine.delivery.pacing import AllowanceStore, Destinations, PartitionWarmUp, WarmUpPlan, domain_of
from engine.ledger.replay import Standing
from engine.ledger.states import Reason, State
from engine.pipeline.definition import TENANT, ZONE, clock_of

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
    """``hours``, ``caps`` and ``warm_up`` are None where a campaign has none. ``wall`` gives UTC microseconds."""

    def __init__(
        self,
        suppression: LiveSuppression,
        hours: RecipientHours | None,
        caps: PartitionCaps | None,
        warm_up: PartitionWarmUp | None,
        wall: Callable[[], int],
    ) -> None:
        self._suppression = suppression
        self._suppressed = suppression.holds
        self._hours = hours
        self._caps = caps
        self._warm_up = warm_up
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
        if self._warm_up is not None:
            self._warm_up.flush()

    def admit(self, rows: Sequence[int]) -> Mapping[int, Hold]:
        now = self._wall()
        held: dict[int, Hold] = {}
        if self._caps is not None:
            held = dict.fromkeys(self._caps.reserve(rows, now), _CAPPED)
        if self._warm_up is not None:
            left = self._warm_up.reserve([row for row in rows if row not in held], now)
            held |= {row: Hold(Reason.WARM_UP, until) for row, until in left.items()}
        return held

    def look(self, row: int, now: int) -> Hold | None:
        if self._suppressed(row):
            return _SUPPRESSED
        if self._hours is not None and (opening := self._hours.opening(row, now)):
            return Hold(Reason.QUIET_HOURS, opening)
        return None

    def admitted(self, row: int, now: int) -> bool:
        return (self._caps is None or self._caps.reserved(row, now)) and (
            self._warm_up is None or self._warm_up.reserved(row, now)
        )

    def settle(self, row: int, sent_at: int | None) -> None:
        if self._caps is not None:
            self._caps.settle(row, sent_at)
        if self._warm_up is not None:
            self._warm_up.settle(row, sent=sent_at is not None)

    def close(self) -> None:
        if self._caps is not None:
            self._caps.release()
        if self._warm_up is not None:
            self._warm_up.release()


class Gates:
    """Makes the gates of a run's partitions. ``run`` names the run for ever; ``start`` is its clock in UTC microseconds, for
    partitions without one of their own. ``listed`` are addresses of suppression files that no plan of a whole audience has seen."""

    def __init__(
        self,
        campaign: Campaign,
        run: str,
        start: int,
        suppression: SuppressionStore,
        caps: CapsStore,
        allowances: AllowanceStore,
        destinations: Destinations,
        wall: Callable[[], int],
        listed: ListedAddresses | None = None,
    ) -> None:
        self._campaign = campaign
        self._run = run
        self._start = start
        self._suppression = suppression
        self._caps = caps
        self._allowances = allowances
        self._destinations = destinations
        self._wall = wall
        self._listed = listed

    def of(self, partition: int, outbox: pa.RecordBatch) -> PartitionGate:
        """The gate of the messages of a partition's outbox."""
        where = self._campaign.audience.list_ or GLOBAL
        live = LiveSuppression(self._suppression, where, outbox.column("address"), self._listed)
        return PartitionGate(
            live, self._hours(outbox), self._frequency(partition, outbox), self._warm_up(outbox), self._wall
        )

    def _hours(self, outbox: pa.RecordBatch) -> RecipientHours | None:
        quiet, send_at = self._campaign.limits.quiet_hours, self._campaign.delivery.send_at
        if quiet is None and send_at is None:
            return None
        zones = outbox.column(ZONE) if ZONE in outbox.schema.names else pa.nulls(outbox.num_rows, pa.string())
        hours = None if quiet is None else QuietHours(_minute(quiet.from_), _minute(quiet.until))
        due = None if send_at is None else time_of_day(send_at)
        clock = clock_of(outbox.schema)
        return RecipientHours(zones, self._campaign.timezone, hours, due, self._start if clock is None else clock)

    def _frequency(self, partition: int, outbox: pa.RecordBatch) -> PartitionCaps | None:
        caps = [Cap(each.messages, microseconds(each.per)) for each in self._campaign.limits.frequency]
        if not caps:
            return None
        recipients = recipient_digests(TENANT, outbox.column("address"))
        return PartitionCaps(self._caps, caps, f"{self._run}/{partition}", outbox.column("key").to_pylist(), recipients)

    def _warm_up(self, outbox: pa.RecordBatch) -> PartitionWarmUp | None:
        """Allowances belong to a sending domain, whatever campaign it sends."""
        sender = domain_of(self._campaign.delivery.from_.address)
        names = self._destinations.names
        plans = {
            names.index(name): WarmUpPlan(f"{TENANT}/{sender}/{name}", _day(each.warm_up.since), (*each.warm_up.daily,))
            for name, each in self._campaign.limits.destinations.items()
            if each.warm_up is not None
        }
        if not plans:
            return None
        return PartitionWarmUp(self._allowances, plans, self._destinations.numbers(outbox.column("address")).tolist())


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()


def _minute(text: str) -> int:
    moment = time_of_day(text)
    return moment.hour * 60 + moment.minute
