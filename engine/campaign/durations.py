"""Lengths of time and times of the day, as a campaign file writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time

DURATION = r"^[1-9][0-9]{0,5} (second|minute|hour|day|week)s?$"
TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
DAY = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
EXPIRY = (
    r"^([1-9][0-9]{0,5} (second|minute|hour|day|week)s?"
    r"|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?(Z|[+-][0-9]{2}:[0-9]{2}))$"
)
INSTANT_OR_TIME = (
    r"^(([01][0-9]|2[0-3]):[0-5][0-9]"
    r"|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?(Z|[+-][0-9]{2}:[0-9]{2}))$"
)
_MICROSECONDS = 1_000_000
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


def microseconds(duration: str) -> int:
    """How long ``7 days`` is; the text matches DURATION."""
    number, unit = duration.split(" ")
    return int(number) * _SECONDS[unit.removesuffix("s")] * _MICROSECONDS


def time_of_day(text: str) -> time:
    """What ``21:00`` is; the text matches TIME_OF_DAY."""
    return time.fromisoformat(text)


def expiry(text: str, planned_at: int) -> int:
    """The instant that an expiry means for what was planned at an instant, both in UTC microseconds; the text matches EXPIRY."""
    return planned_at + microseconds(text) if re.fullmatch(DURATION, text) else instant(text)


def instant(text: str) -> int:
    """UTC microseconds of `2026-03-01T09:00:00Z`."""
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * _MICROSECONDS)
