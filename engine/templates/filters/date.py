from __future__ import annotations

import datetime

from babel.dates import format_date

from engine.templates.filters._arguments import instant_of, locale_of, pattern_of, zone_of


def date(
    value: datetime.date | datetime.datetime | str,
    format: str = "medium",
    locale: str = "en",
    timezone: str | None = None,
) -> str:
    """The day of an instant in a time zone (IANA name, UTC if absent), as the locale writes it.

    The value is a datetime (one without an offset is in UTC), an ISO 8601 text, or a date, which is the same day in every zone. The
    format is short, medium, long, full or a CLDR pattern such as ``d MMMM y``. Raises TypeError for another kind of value, ValueError
    for an unknown zone, locale or format.

    >>> date("2026-03-01T23:30:00Z", "long")
    'March 1, 2026'
    >>> date("2026-03-01T23:30:00Z", "d MMMM y", "de_DE", "Europe/Berlin")
    '2 März 2026'
    """
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        if timezone is not None:
            zone_of(timezone)
        day = value
    else:
        day = instant_of("date", value, timezone).date()
    return format_date(day, pattern_of(format), locale_of(locale))
