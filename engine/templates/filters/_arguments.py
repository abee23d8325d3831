"""What filters accept: numbers, instants, locales and zones, each checked with a message for whoever wrote the template."""

from __future__ import annotations

import datetime
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from jinja2 import Undefined

LONGEST_PATTERN = 100  # characters; a pattern letter may be repeated to pad


def refuse(filter_name: str, wanted: str, value: object) -> TypeError:
    """The error for a value of the wrong kind; raises jinja2.UndefinedError where the value is undefined."""
    if isinstance(value, Undefined):
        str(value)
    return TypeError(f"{filter_name} takes {wanted}, not {type(value).__name__}")


def number_of(filter_name: str, value: object) -> int | float | Decimal:
    """The value if it is a finite number; raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise refuse(filter_name, "a number", value)
    if not isfinite(value):
        raise ValueError(f"{filter_name} takes a finite number, not {value}")
    return value


def instant_of(filter_name: str, value: object, timezone: str | None) -> datetime.datetime:
    """A datetime in the zone (UTC if None), made of a datetime or of an ISO 8601 text; one without an offset is in UTC.

    Raises TypeError for another kind of value, ValueError for a text that is no instant or for an unknown zone.
    """
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        raise refuse(filter_name, "a datetime or an ISO 8601 text", value)
    aware = value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
    return aware.astimezone(zone_of(timezone) if timezone is not None else datetime.UTC)


def locale_of(name: str) -> Locale:
    """The locale by its identifier (``de_DE`` or ``de-DE``); raises ValueError if there is none."""
    if not isinstance(name, str):
        raise refuse("a locale", "an identifier", name)
    return _locale(name)


@lru_cache(maxsize=256)
def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError) as error:
        raise ValueError(f"no locale is named {name!r}") from error


def zone_of(name: str) -> ZoneInfo:
    """The time zone by its IANA name; raises ValueError if there is none."""
    if not isinstance(name, str):
        raise refuse("a time zone", "an IANA name", name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone is named {name!r}") from error


def pattern_of(format: str) -> str:
    """A CLDR format or pattern; raises ValueError if it is too long."""
    if not isinstance(format, str):
        raise refuse("a format", "short, medium, long, full or a pattern", format)
    if len(format) > LONGEST_PATTERN:
        raise ValueError(f"a format has at most {LONGEST_PATTERN} characters")
    return format
