from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from engine.audience.quiet_hours import MINUTE, QuietHours, RecipientHours, first_at

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(21 * 60, 8 * 60)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def micros(text: str) -> int:
    return round(utc(text).timestamp() * 1_000_000)


def minutes(text: str) -> int:
    return micros(text) // MINUTE


def ends(quiet: QuietHours, zone: str, at: str) -> str:
    minute = quiet.end(ZoneInfo(zone), minutes(at))
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("zone", "at", "end"),
    [
        ("UTC", "2026-01-10T20:59", "2026-01-10T20:59"),
        ("UTC", "2026-01-10T21:00", "2026-01-11T08:00"),
        ("UTC", "2026-01-11T07:59", "2026-01-11T08:00"),
        ("UTC", "2026-01-11T08:00", "2026-01-11T08:00"),
        ("Asia/Kathmandu", "2026-01-10T15:15", "2026-01-11T02:15"),
        ("America/Los_Angeles", "2026-01-11T06:30", "2026-01-11T16:00"),
    ],
)
def test_a_night_ends_in_the_morning_of_the_recipient(zone: str, at: str, end: str) -> None:
    assert ends(NIGHT, zone, at) == end


def test_hours_of_one_day_end_on_that_day() -> None:
    assert ends(QuietHours(12 * 60, 13 * 60), "Europe/Berlin", "2026-01-10T11:20") == "2026-01-10T12:00"


# Berlin goes from 02:00 to 03:00 at 2026-03-29T01:00Z and from 03:00 back to 02:00 at 2026-10-25T01:00Z.
def test_hours_that_end_in_a_gap_end_with_the_leap_of_the_clock() -> None:
    quiet = QuietHours(22 * 60, 2 * 60 + 30)
    assert ends(quiet, "Europe/Berlin", "2026-03-29T00:10") == "2026-03-29T01:00"


def test_a_night_with_a_gap_or_an_overlap_in_it_is_as_long_as_the_clock_shows_it() -> None:
    assert ends(NIGHT, "Europe/Berlin", "2026-03-28T20:00") == "2026-03-29T06:00"
    assert ends(NIGHT, "Europe/Berlin", "2026-10-24T19:00") == "2026-10-25T07:00"


def test_hours_in_an_overlap_are_quiet_both_times() -> None:
    quiet = QuietHours(1 * 60, 2 * 60 + 30)
    assert ends(quiet, "Europe/Berlin", "2026-10-25T00:10") == "2026-10-25T00:30"
    assert ends(quiet, "Europe/Berlin", "2026-10-25T00:40") == "2026-10-25T00:40"
    assert ends(quiet, "Europe/Berlin", "2026-10-25T01:10") == "2026-10-25T01:30"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"])
@pytest.mark.parametrize("quiet", [NIGHT, QuietHours(60, 150), QuietHours(1_430, 121), QuietHours(121, 120)])
def test_the_end_is_the_first_minute_that_is_not_quiet(zone: str, quiet: QuietHours) -> None:
    place = ZoneInfo(zone)

    def is_quiet(minute: int) -> bool:
        shown = datetime.fromtimestamp(minute * 60, place)
        return quiet.hold(shown.hour * 60 + shown.minute)

    for day in ("2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2011-12-29"):
        start = minutes(day)
        expected: int | None = None
        for minute in range(start + 3 * 1_440, start - 1, -1):
            expected = expected if is_quiet(minute) else minute
            if minute < start + 1_440 and minute % 7 == 0 and expected is not None:
                assert quiet.end(place, minute) == expected


@pytest.mark.parametrize(
    ("zone", "at", "start", "found"),
    [
        ("Europe/Berlin", time(9), "2026-01-10T07:59:59", "2026-01-10T08:00"),
        ("Europe/Berlin", time(9), "2026-01-10T08:00:00", "2026-01-10T08:00"),
        ("Europe/Berlin", time(9), "2026-01-10T08:00:01", "2026-01-11T08:00"),
        ("Pacific/Kiritimati", time(9), "2026-01-10T00:00:00", "2026-01-10T19:00"),
        ("Pacific/Pago_Pago", time(9), "2026-01-10T00:00:00", "2026-01-10T20:00"),
        ("Europe/Berlin", time(2, 30), "2026-03-28T12:00:00", "2026-03-29T01:30"),  # skipped: 03:30 on the clock
        ("Europe/Berlin", time(2, 30), "2026-10-24T12:00:00", "2026-10-25T00:30"),  # twice: the first
        ("Pacific/Apia", time(9), "2011-12-29T20:00:00", "2011-12-30T19:00"),  # the 30th did not occur there
    ],
)
def test_the_local_time_to_send_at(zone: str, at: time, start: str, found: str) -> None:
    assert first_at(ZoneInfo(zone), at, micros(start)) == micros(found)


def test_recipients_have_hours_of_their_own_and_the_campaigns_where_theirs_is_not_known() -> None:
    zones = pa.array(["America/New_York", "Europe/Berlin", None, "Mars/Olympus", "", "Asia/Tokyo", "../etc"])
    hours = RecipientHours(zones, "Europe/Berlin", NIGHT, None, 0)
    now = micros("2026-01-10T12:00")
    assert [hours.opening(row, now) for row in range(7)] == [
        micros("2026-01-10T13:00"),
        0,
        0,
        0,
        0,
        *[micros("2026-01-10T23:00"), 0],
    ]
    later = micros("2026-01-10T13:00")
    assert hours.opening(0, later) == hours.opening(0, later + MINUTE - 1) == 0
    evening = micros("2026-01-10T20:00")
    assert hours.opening(1, evening - 1) == 0
    assert hours.opening(1, evening) == micros("2026-01-11T07:00")


def test_nobody_is_mailed_before_the_time_to_send_at_nor_in_quiet_hours_after_it() -> None:
    start = micros("2026-01-10T12:00")
    zones = pa.array(["Europe/Berlin"])
    assert RecipientHours(zones, "UTC", None, time(9), start).opening(0, start) == micros("2026-01-11T08:00")
    early = RecipientHours(zones, "UTC", NIGHT, time(6), start)
    assert early.opening(0, start) == micros("2026-01-11T07:00")
    assert early.opening(0, micros("2026-01-11T07:00")) == 0
    assert early.opening(0, micros("2026-01-11T07:00") + round(timedelta(hours=3) / timedelta(microseconds=1))) == 0
