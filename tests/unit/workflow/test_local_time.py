from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from engine.workflow.local_time import instant_of, next_times

BERLIN = ZoneInfo("Europe/Berlin")


def after(moment: datetime, wanted: str, *days: int, zone: str | None = "Europe/Berlin") -> datetime:
    at = np.array([instant_of(moment)], dtype=np.int64)
    found = next_times(at, pa.array([zone], pa.string()), "UTC", time.fromisoformat(wanted), days)
    return datetime.fromtimestamp(int(found[0]) / 1e6, UTC)


def test_a_time_that_is_skipped_is_taken_by_the_offset_before_the_gap() -> None:
    night = datetime(2026, 3, 28, 12, tzinfo=BERLIN)  # clocks go from 02:00 to 03:00 on the 29th
    assert after(night, "02:30") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 on the clock
    assert after(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "02:30") == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_a_time_that_comes_twice_is_the_first_of_the_two() -> None:
    before = datetime(2026, 10, 25, 0, tzinfo=BERLIN)  # clocks go from 03:00 to 02:00
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert after(before, "02:30") == first
    assert after(first, "02:30") == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue", "Asia/Kathmandu", "UTC"])
def test_the_next_is_less_than_a_day_and_an_hour_away(zone: str) -> None:
    for hour in range(48):
        moment = datetime(2026, 5, 1 + hour // 24, hour % 24, 7, tzinfo=UTC)
        found = after(moment, "09:00", zone=zone)
        assert 0 < (found - moment).total_seconds() <= 86_400
        assert found.astimezone(ZoneInfo(zone)).strftime("%H:%M") == "09:00"


def test_days_of_the_week_are_those_of_the_zone() -> None:
    sunday = datetime(2026, 3, 1, 12, tzinfo=UTC)  # it is Monday in Kiritimati
    assert after(sunday, "09:00", 0, zone="Pacific/Kiritimati").isoformat() == "2026-03-01T19:00:00+00:00"
    assert after(sunday, "09:00", 6).date().isoformat() == "2026-03-08"


def test_zones_nobody_knows_are_the_default() -> None:
    sunday = datetime(2026, 3, 1, tzinfo=UTC)
    assert {after(sunday, "09:00", zone=zone).hour for zone in (None, "", "Mars/Base", "../etc/passwd")} == {9}
