from __future__ import annotations

import datetime

from babel.dates import format_time

from engine.templates.filters._arguments import instant_of, locale_of, pattern_of


def time_of_day(
    value: datetime.datetime | str, format: str = "short", locale: str = "en", timezone: str | None = None
) -> str:
    """The time of day of an instant in a time zone (IANA name, UTC if absent), as the locale writes it.

    The value is a datetime (one without an offset is in UTC) or an ISO 8601 text. The format is short, medium, long, full or a CLDR
    pattern such as ``HH:mm``. Raises TypeError for another kind of value, ValueError for an unknown zone, locale or format.

    >>> time_of_day("2026-03-01T23:30:00Z", locale="de_DE", timezone="Europe/Berlin")
    '00:30'
    """
    instant = instant_of("time_of_day", value, timezone)
    return format_time(instant, pattern_of(format), instant.tzinfo, locale_of(locale))
