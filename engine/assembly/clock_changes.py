"""Times of the day in a campaign that clocks skip when they are put forward: told, with what is done then, for nobody thinks of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim

from engine.campaign.document import KeyPath
from engine.campaign.durations import TIME_OF_DAY
from engine.campaign.load import LoadedCampaign
from engine.campaign.steps import WaitCondition
from engine.errors import Diagnostic

_AHEAD = 366  # days: clocks change once a year or more often, or not at all
_MINUTE = timedelta(minutes=1)
_MINUTES_A_DAY = 1_440


def skipped_times(loaded: LoadedCampaign, now: datetime) -> Iterator[Diagnostic]:
    """MR145 for each wait, anniversary and cron expression with a time that its zone skips in the year after NOW.

    Where each person has a zone, the campaign's stands for all of them.
    """
    campaign, trigger = loaded.campaign, loaded.campaign.trigger
    times: list[tuple[KeyPath, str, str]] = [
        (("workflow", index, "until"), step.until, step.timezone or campaign.timezone)
        for index, step in enumerate(campaign.workflow)
        if isinstance(step, WaitCondition) and step.until is not None and re.fullmatch(TIME_OF_DAY, step.until)
    ]
    if trigger is not None and trigger.anniversary is not None:
        path: KeyPath = ("trigger", "at") if loaded.document.has(("trigger", "at")) else ("trigger", "anniversary")
        times.append((path, trigger.at, campaign.timezone))
    for path, text, zone in times:
        for start, until in _gaps(ZoneInfo(zone), now):
            moment = datetime.combine(start, time.fromisoformat(text))
            if start <= moment < until:
                then = moment + (until - start)
                yield _told(loaded, path, moment, zone, f"it is {then:%H:%M} on the clock then")
    if trigger is not None and trigger.cron is not None:
        zone = trigger.timezone or campaign.timezone
        for start, until in _gaps(ZoneInfo(zone), now):
            moment = next(CronSim(trigger.cron, start - _MINUTE))
            if moment < until and not _often(trigger.cron):
                help = f"it is taken right after the gap then, at {until:%H:%M}"
                yield _told(loaded, ("trigger", "cron"), moment, zone, help)


def _told(loaded: LoadedCampaign, path: KeyPath, moment: datetime, zone: str, help: str) -> Diagnostic:
    message = f"{moment:%H:%M} does not exist on {moment:%Y-%m-%d}: clocks in {zone} are put forward"
    return loaded.document.fault("MR145", message, path, help)


def _often(cron: str) -> bool:
    """Whether it goes by each minute or hour, of which one is merely left out."""
    return any(field.startswith("*") for field in cron.split()[:2])


def _gaps(zone: ZoneInfo, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """What the zone's clocks skip in the year after NOW: the first time that is not shown, and the first that is again."""
    days = [now.astimezone(UTC) + timedelta(days=day) for day in range(_AHEAD + 1)]
    for before, after in pairwise(days):
        old, new = (each.astimezone(zone).utcoffset() or timedelta() for each in (before, after))
        if new > old:
            moments = (before.replace(second=0, microsecond=0) + _MINUTE * each for each in range(_MINUTES_A_DAY + 2))
            change = next(each for each in moments if each.astimezone(zone).utcoffset() == new)
            yield (change + old).replace(tzinfo=None), (change + new).replace(tzinfo=None)
