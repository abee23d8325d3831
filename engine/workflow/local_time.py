"""When a clock on the wall shows a time next.

A time that comes twice, when clocks are put back, is the first of the two; one that is skipped, when they are put forward, is taken by
the offset before the gap: 02:30 is then 03:30 on the clock (RFC 5545 section 3.3.5).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

DAY = 86_400_000_000
_EPOCH = date(1970, 1, 1)
_AHEAD = 9  # days: the same weekday comes again after seven, and a zone's date is at most one day off

Instants = npt.NDArray[np.int64]


def next_times(at: Instants, zones: pa.StringArray, default: str, wanted: time, weekdays: Collection[int]) -> Instants:
    """For each instant the first one after it at which the clock in the row's zone shows ``wanted``; UTC microseconds.

    ``weekdays`` are the days that count (Monday is 0), all of them if empty. Where there is no zone, or none that is known,
    ``default`` holds.
    """
    names = zones.fill_null("").dictionary_encode()
    zone_of_row = names.indices.to_numpy(zero_copy_only=False)
    found = np.empty_like(at)
    for index, name in enumerate(names.dictionary.to_pylist()):
        zone = zone_named(name, default)
        rows = np.flatnonzero(zone_of_row == index)
        days = at[rows] // DAY
        for day in np.unique(days):
            here = rows[days == day]
            shown = np.array(_shown(zone, int(day), wanted, tuple(sorted(weekdays))), dtype=np.int64)
            found[here] = shown[np.searchsorted(shown, at[here], side="right")]
    return found


@lru_cache(maxsize=1_024)
def zone_named(name: str, default: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # no such zone, or no name at all; columns are not checked
        return ZoneInfo(default)


@lru_cache(maxsize=16_384)
def _shown(zone: ZoneInfo, day: int, wanted: time, weekdays: tuple[int, ...]) -> tuple[int, ...]:
    """The instants around a day (UTC, since 1970) at which a clock shows a time, ascending."""
    dates = (_EPOCH + timedelta(days=day + ahead) for ahead in range(-2, _AHEAD + 1))
    counted = (each for each in dates if not weekdays or each.weekday() in weekdays)
    return tuple(sorted({instant_of(datetime.combine(each, wanted, zone)) for each in counted}))


def instant_of(moment: datetime) -> int:
    """UTC microseconds."""
    return round(moment.astimezone(UTC).timestamp()) * 1_000_000
