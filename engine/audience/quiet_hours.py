"""When a recipient may be mailed, by the clock on the wall where the recipient lives.

Quiet hours are what that clock shows: nothing is sent while it shows a time in them. A time that comes twice, when clocks are put
back, is quiet both times; one that is skipped, when they are put forward, does not occur. The local time to send at follows RFC 5545
section 3.3.5: one that comes twice is the first of the two, one that is skipped is taken by the offset before the gap (02:30 is then
03:30 on the clock).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

MINUTE = 60_000_000
QUARTER = 15
"""Minutes. Offsets change at whole quarters of an hour in UTC (the IANA database has no exception since 1972)."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one local time until another, in minutes of the day; ``until`` is no longer quiet and may be of the next day."""

    start: int
    until: int

    def hold(self, minute_of_day: int) -> bool:
        if self.start < self.until:
            return self.start <= minute_of_day < self.until
        return minute_of_day >= self.start or minute_of_day < self.until

    def end(self, zone: ZoneInfo, minute: int) -> int:
        """The first minute (UTC, since 1970) from ``minute`` on that is not quiet in a zone."""
        while self.hold(shown := _minute_of_day(zone, minute)):
            left = (self.until - shown) % 1_440
            minute += min(left, QUARTER - minute % QUARTER)  # never past a change of the offset
        return minute


def first_at(zone: ZoneInfo, wanted: time, start: int) -> int:
    """The first instant from ``start`` on (UTC microseconds) at which a zone's clock shows ``wanted``."""
    begin = datetime.fromtimestamp(start / 1e6, UTC)
    day = begin.astimezone(zone).date() - timedelta(days=1)
    while (found := datetime.combine(day, wanted, zone).astimezone(UTC)) < begin:
        day += timedelta(days=1)
    return round(found.timestamp()) * 1_000_000


class RecipientHours:
    """When each of n recipients may be mailed.

    ``zones`` are names of IANA zones by row; where there is none, or none that is known, ``default`` holds. With ``send_at`` nobody is
    mailed before the first such local time from ``start`` (UTC microseconds) on.
    """

    def __init__(
        self, zones: pa.StringArray, default: str, quiet: QuietHours | None, send_at: time | None, start: int
    ) -> None:
        names = zones.fill_null("").dictionary_encode()
        self._zones = [_zone(name, default) for name in names.dictionary.to_pylist()]
        self._of_row = array("H", names.indices.to_pylist())  # there are fewer zones than two bytes can tell apart
        self._quiet = quiet
        self._due = [0 if send_at is None else first_at(zone, send_at, start) for zone in self._zones]
        self._checked = [-1] * len(self._zones)
        self._opening = [0] * len(self._zones)

    def opening(self, row: int, now: int) -> int:
        """0 if the recipient may be mailed now (UTC microseconds), else the first instant from then on at which that is so."""
        zone = self._of_row[row]
        minute = now // MINUTE
        if self._checked[zone] != minute:  # offsets and hours are whole minutes, so within one nothing changes
            self._checked[zone] = minute
            self._opening[zone] = self._look(zone, minute)
        return self._opening[zone]

    def _look(self, zone: int, minute: int) -> int:
        opens = max(minute, self._due[zone] // MINUTE)
        if self._quiet is not None:
            opens = self._quiet.end(self._zones[zone], opens)
        return 0 if opens == minute else opens * MINUTE


def _minute_of_day(zone: ZoneInfo, minute: int) -> int:
    shown = datetime.fromtimestamp(minute * 60, zone)
    return shown.hour * 60 + shown.minute


def _zone(name: str, default: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # no such zone, or no name at all; the audience's column is not checked
        return ZoneInfo(default)
