"""Rules about single values, wherever they stand."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import available_timezones

from engine.campaign.document import Document, dotted
from engine.campaign.durations import DAY, EXPIRY
from engine.errors import Diagnostic, near_match


def unknown_timezone(document: Document) -> Iterator[Diagnostic]:
    zone = document.get(("timezone",), str)
    if zone is None or zone in available_timezones():
        return
    by_lower = {name.lower(): name for name in available_timezones()}
    match = by_lower.get(zone.strip().lower()) or near_match(zone, sorted(by_lower.values()))
    help = f"did you mean `{match}`?" if match else "name an IANA zone, such as `Europe/Berlin`"
    yield document.fault("MR130", f"unknown timezone `{zone}`", ("timezone",), help)


def non_finite_numbers(document: Document) -> Iterator[Diagnostic]:
    for path in document.values:
        number = document.get(path, float)
        if number is not None and not math.isfinite(number):
            yield document.fault("MR131", f"`{dotted(path)}` must be a finite number", path, "write a number")


def empty_quiet_hours(document: Document) -> Iterator[Diagnostic]:
    start, until = (document.get(("limits", "quiet_hours", key), str) for key in ("from", "until"))
    if start is not None and start == until:
        path = ("limits", "quiet_hours", "until")
        yield document.fault("MR132", "quiet hours that begin and end at the same time", path, "name another time")


def unknown_days(document: Document) -> Iterator[Diagnostic]:
    """Days and instants that are well formed and do not exist, such as 30 February."""
    days = [
        ("limits", "destinations", name, "warm_up", "since")
        for name in document.get(("limits", "destinations"), dict) or {}
    ]
    for path, pattern in [(("delivery", "expires"), EXPIRY), *((day, DAY) for day in days)]:
        text = document.get(path, str)
        if text is None or " " in text or re.fullmatch(pattern, text) is None:
            continue
        try:
            datetime.fromisoformat(text)
        except ValueError:
            yield document.fault("MR133", f"`{text}` does not exist", path, "name a day of the calendar")
