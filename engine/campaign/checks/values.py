"""Rules about single values, wherever they stand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from zoneinfo import available_timezones

from engine.campaign.document import Document, dotted
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
