"""When the people of a workflow are to be looked at, by the kind of its trigger: pure, with instants as UTC microseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.campaign.durations import time_of_day
from engine.campaign.fingerprint import sha256_of
from engine.campaign.schema import Campaign
from engine.conditions.clock import reads_clock
from engine.pipeline.automation.contract import Sweeping
from engine.workflow.triggers import cron_instants, segment_of

SECOND = 1_000_000
HOUR = 3_600 * SECOND
MISSED = 24 * HOUR
"""Moments that are longer ago have been missed for good."""
_NEVER = (1 << 63) - 1

Changed = Callable[[int], Sequence[str] | None]
"""Whose row or membership has changed after a version of the store, None: too many to name."""


@dataclass(frozen=True, slots=True)
class Look:
    """All people are to be looked at, or ``users``, as the store was at ``version`` or later."""

    why: Sweeping
    after: int
    until: int
    users: Sequence[str] | None = None
    version: int = 0


class Schedule(Protocol):
    """One workflow's; ``at`` is how far it has come, and all that a restart must know."""

    at: int

    def due(self, now: int, version: int, changed: Changed) -> Look | None:
        """What is to be looked at next, the store being at a version."""

    def ended(self, look: Look) -> None: ...


class Moments:
    """Each instant of a cron expression, in their order."""

    def __init__(self, campaign: Campaign, at: int) -> None:
        self._campaign = campaign
        self._next = 0
        self.at = at

    def due(self, now: int, version: int, changed: Changed) -> Look | None:
        after = max(self.at, now - MISSED)
        if self._next <= after:
            self._next = next(cron_instants(self._campaign, after, _NEVER), _NEVER)
        return Look(Sweeping.MOMENT, self.at, self._next) if self._next <= now else None

    def ended(self, look: Look) -> None:
        self.at = look.until


class Anniversaries:
    """Each hour, at the minute of the anniversaries' time: on a clock whose zone is whole hours away nobody waits."""

    def __init__(self, campaign: Campaign, at: int) -> None:
        trigger = campaign.trigger
        assert trigger is not None
        self._minute = time_of_day(trigger.at).minute * 60 * SECOND
        self.at = at

    def due(self, now: int, version: int, changed: Changed) -> Look | None:
        last = (now - self._minute) // HOUR * HOUR + self._minute
        return Look(Sweeping.ANNIVERSARY, self.at, last) if last > self.at else None

    def ended(self, look: Look) -> None:
        self.at = look.until


class SegmentChanges:
    """Everybody when it begins, and each hour if the calendar moves people; whoever has changed, at once. ``at`` is when all were
    last looked at, 0 before the first time."""

    def __init__(self, campaign: Campaign, at: int) -> None:
        self._by_calendar = reads_clock(campaign.segments[segment_of(campaign) or ""])
        self._seen: int | None = None
        self.at = at

    def due(self, now: int, version: int, changed: Changed) -> Look | None:
        everybody = Look(Sweeping.SEGMENT, self.at, now, None, version)
        if self._seen is None or version < self._seen or (self._by_calendar and now - self.at >= HOUR):
            return everybody
        users = changed(self._seen) if version > self._seen else ()
        if users is None:
            return everybody
        if not users:
            self._seen = version
            return None
        return Look(Sweeping.SEGMENT, self.at, now, users, version)

    def ended(self, look: Look) -> None:
        self._seen = look.version
        if look.users is None:
            self.at = look.until


def schedule_of(campaign: Campaign, at: int | None, now: int) -> Schedule | None:
    """That of a campaign's trigger, from how far it had come; from now on if it is new (None). None if events alone are a trigger."""
    trigger = campaign.trigger
    if trigger is not None and trigger.cron is not None:
        return Moments(campaign, now if at is None else at)
    if trigger is not None and trigger.anniversary is not None:
        return Anniversaries(campaign, now if at is None else at)
    return SegmentChanges(campaign, at or 0) if segment_of(campaign) is not None else None


def occasion(campaign: Campaign) -> str:
    """Names what the trigger looks at: under another name it is another trigger, that has missed nothing."""
    trigger = None if campaign.trigger is None else campaign.trigger.model_dump(mode="json", exclude={"when"})
    condition = campaign.segments.get(segment_of(campaign) or "")
    return sha256_of([trigger, condition, campaign.timezone])[:16]
