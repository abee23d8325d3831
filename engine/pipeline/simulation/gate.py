"""The gate of a simulation: whether and when each message of a partition's people would go.

In the order of a delivery: may the person be mailed at all; quiet hours and ``send_at`` put it off; it may have expired by then; and
the caps of its campaign allow only so many, the message of the higher priority first where two meet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from engine.audience.eligibility import Verdict
from engine.audience.frequency import Cap
from engine.campaign.durations import DURATION, expiry, microseconds
from engine.campaign.schema import Campaign
from engine.pipeline.simulation.hours import Hours, Instants, ZoneClocks
from engine.pipeline.simulation.people import Mask, Persons, VirtualPeople
from engine.pipeline.simulation.program import SimulatedProgram

Codes = npt.NDArray[np.int8]


class Fate(IntEnum):
    """What becomes of a message; the first are those of ``Verdict``, for whom none goes."""

    MISSING_ADDRESS = Verdict.MISSING_ADDRESS
    INVALID_ADDRESS = Verdict.INVALID_ADDRESS
    DUPLICATE = Verdict.DUPLICATE
    SUPPRESSED = Verdict.SUPPRESSED
    NOT_SUBSCRIBED = Verdict.NOT_SUBSCRIBED
    HELD_OUT = Verdict.HELD_OUT
    SENT = Verdict.ELIGIBLE
    CAPPED = 7
    EXPIRED = 8
    LATER = 9  # put off until after the end of the simulation

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Messages:
    """n messages that executions have decided on: of ``person``, at an instant, by a ``step`` of a ``workflow`` (their places), with the
    ``branch`` that was taken last (-1: none) and the ``verdict`` on the person then."""

    person: Persons
    at: Instants
    workflow: npt.NDArray[np.int16]
    step: npt.NDArray[np.int32]
    branch: npt.NDArray[np.int32]
    verdict: Codes

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True, slots=True)
class Passed:
    """What becomes of each message (places of ``Fate``), and when it goes, or would have gone."""

    fate: Codes
    at: Instants


class SimulatedGate:
    def __init__(self, programs: Sequence[SimulatedProgram], end: int) -> None:
        campaigns = [each.campaign for each in programs]
        self._campaigns = campaigns
        self._hours = [Hours(each) for each in campaigns]
        self._caps = [_caps(each) for each in campaigns]
        self._urgency = np.array([each.priority for each in programs], dtype=np.int64)
        self._end = end

    def let_pass(self, messages: Messages, people: VirtualPeople, clocks: ZoneClocks) -> Passed:
        at, fate = messages.at.copy(), messages.verdict.copy()
        for number, campaign in enumerate(self._campaigns):
            here = np.flatnonzero((messages.workflow == number) & (fate == Fate.SENT))
            zones = people.zones(number, messages.person[here])
            at[here] = self._hours[number].openings(messages.at[here], zones, clocks)
            late = at[here] >= _expiries(campaign, messages.at[here])
            fate[here[late]] = Fate.EXPIRED
        fate[(fate == Fate.SENT) & (at >= self._end)] = Fate.LATER
        going = np.flatnonzero(
            (fate == Fate.SENT) & np.isin(messages.workflow, np.flatnonzero([*map(bool, self._caps)]))
        )
        urgency = self._urgency[messages.workflow[going]]
        order = np.lexsort(
            (
                messages.step[going],
                messages.workflow[going],
                messages.at[going],
                urgency,
                at[going],
                messages.person[going],
            )
        )
        going = going[order]
        fate[going[_too_many(messages.person[going], at[going], messages.workflow[going], self._caps)]] = Fate.CAPPED
        return Passed(fate, at)


def _too_many(person: Persons, at: Instants, workflow: npt.NDArray[np.int16], caps: Sequence[Sequence[Cap]]) -> Mask:
    """Which messages are one too many for their workflow's caps. They are sorted by person and time; one that is too many does not count.

    The first of each person are decided on, then the second, and so on.
    """
    denied = np.zeros(len(person), dtype=np.bool_)
    if not len(person):
        return denied
    first = np.flatnonzero(np.append(True, person[1:] != person[:-1]))
    sizes = np.diff(np.append(first, len(person)))
    rank = np.arange(len(person)) - np.repeat(first, sizes)
    whose = np.repeat(np.arange(len(first)), sizes)
    by_rank = np.argsort(rank, kind="stable")
    allowed = np.zeros_like(at)  # from each person's first place on: when they were sent something
    count = np.zeros(len(first), dtype=np.int64)
    for rows in np.split(by_rank, np.cumsum(np.bincount(rank))[:-1]):
        who = whose[rows]
        full = np.zeros(len(rows), dtype=np.bool_)
        for number, limits in enumerate(caps):
            here = workflow[rows] == number
            for cap in limits:
                has = here & (count[who] >= cap.messages)
                nth = allowed[(first[who] + count[who] - cap.messages)[has]]
                full[has] |= nth > at[rows][has] - cap.per
        denied[rows] = full
        passes = who[~full]
        allowed[first[passes] + count[passes]] = at[rows][~full]
        count[passes] += 1
    return denied


def _caps(campaign: Campaign) -> list[Cap]:
    return [Cap(each.messages, microseconds(each.per)) for each in campaign.limits.frequency]


def _expiries(campaign: Campaign, planned_at: Instants) -> Instants:
    text = campaign.delivery.expires
    until = expiry(text, 0)
    return planned_at + until if re.fullmatch(DURATION, text) else np.full_like(planned_at, until)
