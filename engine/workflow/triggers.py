"""Who enters a workflow: entries from events, segments, dates and calls, as columns. Whether they may enter again is the store's to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from cronsim import CronSim

from engine.campaign.durations import time_of_day
from engine.campaign.schema import Campaign
from engine.conditions import ConditionSet
from engine.conditions.workflow import EVENT, beginning_properties, properties_type, with_event
from engine.workflow.cohort import Instants, Mask
from engine.workflow.executions import ENTRIES, INSTANT, execution_id
from engine.workflow.frame import Frame
from engine.workflow.json_columns import objects, read_foreign
from engine.workflow.local_time import instant_of, zone_named

_DAY = timedelta(days=1)


class TriggerProgram:
    """A campaign's trigger, compiled for an audience's columns. People come as batches of these columns; of those for whom the audience's
    ``where`` does not hold nobody enters."""

    def __init__(self, campaign: Campaign, audience: pa.Schema, version: str) -> None:
        self._campaign, self._version = campaign, version
        self._trigger = campaign.trigger
        self._audience = audience
        self._segments = (
            ConditionSet(campaign.segments, audience, None, campaign.timezone) if campaign.segments else None
        )
        columns = pa.schema([*audience, *(pa.field(name, pa.bool_()) for name in campaign.segments)])
        when = self._trigger.when if self._trigger else None
        declared = beginning_properties(campaign)
        columns = with_event(columns, declared)
        self._event_type = properties_type(declared) if declared else None
        self._when = ConditionSet({"when": when}, columns, None, campaign.timezone) if when else None
        where, name = campaign.audience.where, segment_of(campaign)
        self._where = ConditionSet({"where": where}, audience, None, campaign.timezone) if where else None
        self._segment = (
            ConditionSet({"in": campaign.segments[name]}, audience, None, campaign.timezone) if name else None
        )

    def of_events(self, arrivals: pa.RecordBatch, people: pa.RecordBatch) -> pa.RecordBatch:
        """Entries from events (ARRIVALS), with the person of each in its row; the event's id is the cause."""
        event = self._trigger.event if self._trigger else None
        mine = np.asarray(pc.fill_null(pc.equal(arrivals.column("event"), event or ""), False), dtype=np.bool_)
        rows = np.flatnonzero(mine)
        return self._of_arrivals(arrivals.take(pa.array(rows)), people.take(pa.array(rows)), f"event:{event}")

    def of_calls(self, calls: pa.RecordBatch, people: pa.RecordBatch) -> pa.RecordBatch:
        """The same from calls to the API, of which each names its person; all of ``calls`` are such."""
        return self._of_arrivals(calls, people, "api")

    def in_segment(self, people: pa.RecordBatch, at: int) -> Mask:
        """Who is in the trigger's segment at an instant."""
        if self._segment is None:
            return np.zeros(people.num_rows, dtype=np.bool_)
        times = pa.array(np.full(people.num_rows, at, dtype=np.int64)).view(INSTANT)
        return self._segment.evaluate(people, times)["in"]

    def of_segment(
        self, before: Mask, after: Mask, people: pa.RecordBatch, at: int, since: Instants | None = None
    ) -> pa.RecordBatch:
        """Entries of people who have come to be in the trigger's segment, or have left it, by what it said of each before and now.

        ``since`` is when what it said before was first seen: the cause, so that one change begins nothing twice however often and
        late it is looked at. Without it the cause is ``at``, which is for whoever looks once at each instant.
        """
        trigger = self._trigger
        entering = trigger is not None and trigger.segment_entry is not None
        changed = after & ~before if entering else before & ~after
        label = f"segment_{'entry' if entering else 'exit'}:{segment_of(self._campaign)}"
        causes = None if since is None else [f"{label}@{each}" for each in since.tolist()]
        return self._of_people(people, np.full(len(changed), at, dtype=np.int64), label, changed, causes)

    def of_moment(self, people: pa.RecordBatch, at: int) -> pa.RecordBatch:
        """Entries of everybody at an instant of the trigger's cron expression."""
        return self._of_people(people, np.full(people.num_rows, at, dtype=np.int64), "cron", None)

    def of_anniversaries(self, people: pa.RecordBatch, after: int, until: int) -> pa.RecordBatch:
        """Entries of those whose anniversary comes after an instant and not after another."""
        at = self._anniversaries(people, after, until)
        return self._of_people(people, at, "anniversary", (at > after) & (at <= until))

    def _of_arrivals(self, arrivals: pa.RecordBatch, people: pa.RecordBatch, label: str) -> pa.RecordBatch:
        at = np.asarray(arrivals.column("at").view(pa.int64()), dtype=np.int64)
        properties: pa.StructArray | None = None
        contexts = pa.nulls(len(at), pa.string())
        if self._event_type is not None:
            kinds = list(self._event_type)
            read = read_foreign(arrivals.column("properties"), {each.name: each.type for each in kinds})
            properties = pa.StructArray.from_arrays(list(read.values()), fields=kinds)
            contexts = objects({EVENT: properties}, len(at))
        chosen = self._chosen(people, arrivals.column("user_id"), at, properties)
        causes = arrivals.column("event_id").to_pylist()
        return self._entries(arrivals.column("user_id"), at, causes, label, chosen, contexts)

    def _of_people(
        self,
        people: pa.RecordBatch,
        at: Instants,
        label: str,
        chosen: Mask | None,
        causes: Sequence[str] | None = None,
    ) -> pa.RecordBatch:
        users = people.column(self._campaign.audience.key).cast(pa.string())
        kept = self._chosen(people, users, at, None)
        causes = causes or [f"{label}@{each}" for each in at.tolist()]
        return self._entries(users, at, causes, label, kept if chosen is None else kept & chosen, None)

    def _chosen(
        self, people: pa.RecordBatch, users: pa.StringArray, at: Instants, event: pa.StructArray | None
    ) -> Mask:
        chosen, times = np.ones(len(users), dtype=np.bool_), pa.array(at).view(INSTANT)
        if self._where is not None:
            chosen = self._where.evaluate(people, times)["where"]
        if self._when is not None:
            columns = {name: people.column(name) for name in self._audience.names}
            rows = np.arange(len(users), dtype=np.int64)
            batch = Frame(users, columns, self._segments).batch(self._when.columns, rows, times, event)
            chosen = chosen & self._when.evaluate(batch, times)["when"]
        return chosen

    def _entries(
        self,
        users: pa.StringArray,
        at: Instants,
        causes: Sequence[str],
        label: str,
        chosen: Mask,
        contexts: pa.Array | None,
    ) -> pa.RecordBatch:
        campaign, rows = self._campaign, np.flatnonzero(chosen).tolist()
        names = users.to_pylist()
        ids = [execution_id(campaign.name, names[row], causes[row]) for row in rows]
        columns = {
            "execution_id": pa.array(ids, pa.string()),
            "workflow": pa.repeat(campaign.name, len(rows)),
            "version": pa.repeat(self._version, len(rows)),
            "user_id": users.take(pa.array(rows, pa.int64())),
            "trigger": pa.repeat(label, len(rows)),
            "step": pa.repeat(campaign.workflow[0].id, len(rows)),
            "at": pa.array(at[rows]).view(INSTANT),
            "context": pa.nulls(len(rows), pa.string())
            if contexts is None
            else contexts.take(pa.array(rows, pa.int64())),
        }
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=ENTRIES)

    def _anniversaries(self, people: pa.RecordBatch, after: int, until: int) -> Instants:
        """The anniversary of each that may lie between two instants, else 0. Who was born on 29 February has it on the 28th of other
        years."""
        found = np.zeros(people.num_rows, dtype=np.int64)
        trigger, zone_column = self._trigger, self._campaign.audience.timezone
        if trigger is None or trigger.anniversary is None:
            return found
        days = people.column(trigger.anniversary).cast(pa.timestamp("us")).cast(pa.date32())
        month_day = np.asarray(pc.add(pc.multiply(pc.month(days), 100), pc.day(days)).fill_null(0), dtype=np.int64)
        born = np.asarray(pc.year(days).fill_null(9_999), dtype=np.int64)
        zones = people.column(zone_column).to_pylist() if zone_column else [None] * people.num_rows
        for day in _days(after, until):
            for row in np.flatnonzero(_falls_on(month_day, day) & (born < day.year)):
                zone = zone_named(zones[row] or "", self._campaign.timezone)
                instant = instant_of(datetime.combine(day, time_of_day(trigger.at), zone))
                if after < instant <= until:
                    found[row] = instant
        return found


def segment_of(campaign: Campaign) -> str | None:
    """The segment that a campaign's trigger looks at."""
    trigger = campaign.trigger
    return None if trigger is None else trigger.segment_entry or trigger.segment_exit


def cron_instants(campaign: Campaign, after: int, until: int) -> Iterator[int]:
    """The instants of the trigger's cron expression after one and not after another, UTC microseconds.

    The clock is that of the trigger's zone. As in Debian's cron, a fixed time that is skipped when clocks go forward is taken right
    after the gap, and one that comes twice is taken once.
    """
    trigger = campaign.trigger
    if trigger is None or trigger.cron is None:
        return
    zone = ZoneInfo(trigger.timezone or campaign.timezone)
    for moment in CronSim(trigger.cron, datetime.fromtimestamp(after // 1_000_000, zone)):
        instant = instant_of(moment)
        if instant > until:
            return
        yield instant


def _days(after: int, until: int) -> list[date]:
    """The dates that any clock shows between two instants."""
    first = datetime.fromtimestamp(after / 1e6, UTC).date() - _DAY
    last = datetime.fromtimestamp(until / 1e6, UTC).date() + _DAY
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _falls_on(month_day: npt.NDArray[np.int64], day: date) -> Mask:
    falls: Mask = month_day == day.month * 100 + day.day
    if (day.month, day.day) == (2, 28) and (day + _DAY).month == 3:
        falls |= month_day == 229
    return falls
