"""Clocks of zones, for many instants at once: what they show, and when quiet hours end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.audience.quiet_hours import QUARTER, QuietHours
from engine.campaign.durations import time_of_day
from engine.campaign.schema import Campaign
from engine.workflow.local_time import next_times, zone_named

MINUTE = 60_000_000
DAY_MINUTES = 1_440
_QUARTERS = DAY_MINUTES // QUARTER
Instants = npt.NDArray[np.int64]


class ZoneClock:
    """A zone's offsets from one instant to another (UTC microseconds), a quarter of an hour at a time: they change at these alone."""

    def __init__(self, zone: ZoneInfo, start: int, end: int) -> None:
        self._first = start // MINUTE // QUARTER
        days = (end // MINUTE // QUARTER - self._first) // _QUARTERS + 2
        at_midnight = [_offset(zone, self._first + day * _QUARTERS) for day in range(days + 1)]
        self._offsets = np.repeat(np.array(at_midnight[:-1], dtype=np.int64), _QUARTERS)
        for day in range(days):
            if at_midnight[day] != at_midnight[day + 1]:
                quarters = range(day * _QUARTERS, (day + 1) * _QUARTERS)
                self._offsets[quarters] = [_offset(zone, self._first + quarter) for quarter in quarters]

    def shown(self, minutes: Instants) -> Instants:
        """What the clock shows at some minutes (UTC, since 1970): minutes since 1970 there."""
        shown: Instants = minutes + self._offsets[minutes // QUARTER - self._first]
        return shown

    def after(self, quiet: QuietHours, minutes: Instants) -> Instants:
        """For each minute the first one from it on that is not quiet; as ``QuietHours.end``."""
        found = minutes.copy()
        left = np.arange(len(found))
        while len(left):
            shown = self.shown(found[left]) % DAY_MINUTES
            early, late = shown >= quiet.start, shown < quiet.until
            holds = early & late if quiet.start < quiet.until else early | late
            left, shown = left[holds], shown[holds]
            step = (quiet.until - shown) % DAY_MINUTES
            found[left] += np.minimum(step, QUARTER - found[left] % QUARTER)  # never past a change of the offset
        return found


class Hours:
    """When a campaign's messages may go: not before ``send_at``, and not in quiet hours. ``clocks`` are by name of the zone."""

    def __init__(self, campaign: Campaign) -> None:
        quiet, send_at = campaign.limits.quiet_hours, campaign.delivery.send_at
        self._default = campaign.timezone
        self._quiet = None if quiet is None else QuietHours(_minute(quiet.from_), _minute(quiet.until))
        self._send_at = None if send_at is None else time_of_day(send_at)

    def openings(self, at: Instants, zones: pa.StringArray, clocks: Mapping[str, ZoneClock]) -> Instants:
        """For each message, of which ``at`` is when it was decided on (UTC microseconds), when it may go."""
        minutes = at // MINUTE
        if self._send_at is not None:
            due = next_times(at - 1, zones, self._default, self._send_at, ())
            minutes = np.maximum(minutes, due // MINUTE)
        if self._quiet is not None:
            names = zones.fill_null("").dictionary_encode()
            codes = names.indices.to_numpy(zero_copy_only=False)
            for code, name in enumerate(names.dictionary.to_pylist()):
                here = np.flatnonzero(codes == code)
                clock = clocks[zone_named(name, self._default).key]
                minutes[here] = clock.after(self._quiet, minutes[here])
        return np.where(minutes == at // MINUTE, at, minutes * MINUTE)


class ZoneClocks(dict[str, ZoneClock]):
    """Clocks by the name of their zone, made when they are first looked at."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__()
        self._start, self._end = start, end

    def __missing__(self, name: str) -> ZoneClock:
        return self.setdefault(name, ZoneClock(ZoneInfo(name), self._start, self._end))


def _offset(zone: ZoneInfo, quarter: int) -> int:
    """Minutes by which a zone's clock is ahead of UTC."""
    offset = datetime.fromtimestamp(quarter * QUARTER * 60, zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds()) // 60


def _minute(text: str) -> int:
    moment = time_of_day(text)
    return moment.hour * 60 + moment.minute
