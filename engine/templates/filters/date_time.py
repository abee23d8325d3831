from __future__ import annotations

import datetime

from babel.dates import format_datetime

from engine.templates.filters._arguments import instant_of, locale_of, pattern_of


def date_time(
    value: datetime.datetime | str, format: str = "medium", locale: str = "en", timezone: str | None = None
) -> str:
    """An instant in a time zone (IANA name, UTC if absent), as the locale writes it.

    The value is a datetime (one without an offset is in UTC) or an ISO 8601 text. The format is short, medium, long, full or a CLDR
    pattern such as ``EEEE HH:mm zzz``. Raises TypeError for another kind of value, ValueError for an unknown zone, locale or format.

    >>> date_time("2026-03-01T23:30:00Z", "EEEE d MMMM, HH:mm", "en_GB", "Europe/London")
    'Sunday 1 March, 23:30'
    """
    return format_datetime(instant_of("date_time", value, timezone), pattern_of(format), None, locale_of(locale))
