"""The gate of a simulation against a plain one: message after message, with the clocks and rules of a delivery."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audience.eligibility import Verdict
from engine.audience.quiet_hours import QuietHours, RecipientHours
from engine.campaign.durations import expiry, microseconds, time_of_day
from engine.campaign.schema import Campaign, Priority
from engine.pipeline.simulation.contract import DUPLICATE, SUPPRESSED, SimulatedWorkflow
from engine.pipeline.simulation.gate import Fate, Messages, SimulatedGate
from engine.pipeline.simulation.hours import ZoneClocks
from engine.pipeline.simulation.people import VirtualPeople
from engine.pipeline.simulation.program import SimulatedProgram

MINUTE = 60_000_000
DAY = 1_440 * MINUTE
START = int(datetime(2026, 3, 27, tzinfo=UTC).timestamp()) * 1_000_000  # clocks go forward in Berlin two days later
END = START + 9 * DAY
SCHEMA = pa.schema([("id", pa.string()), ("email", pa.string()), ("tz", pa.string())])
ZONES = ["Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Mars/Base", None]
CAPS = [{"messages": 1, "per": "1 day"}, {"messages": 2, "per": "2 days"}, {"messages": 3, "per": "9 hours"}]
HOURS = [
    None,
    {"from": "21:00", "until": "08:00"},
    {"from": "01:30", "until": "03:10"},
    {"from": "12:00", "until": "12:20"},
]


def campaign(draw: Any, name: str) -> Campaign:
    limits = {
        "frequency": draw(st.lists(st.sampled_from(CAPS), max_size=2)),
        "quiet_hours": draw(st.sampled_from(HOURS)),
    }
    delivery = {"expires": draw(st.sampled_from(["72 hours", "3 hours", "2026-03-31T10:00:00Z"]))}
    return Campaign.model_validate(
        {
            **{"name": name, "type": "lifecycle_campaign", "timezone": "Europe/London", "limits": limits},
            **{
                "audience": {"source": "a.csv", "key": "id", "timezone": "tz"},
                "priority": draw(st.sampled_from([*map(str, Priority)])),
            },
            "delivery": {
                **delivery,
                "from": {"address": "a@example.com"},
                "send_at": draw(st.sampled_from([None, "02:30", "09:00"])),
            },
            "workflow": [
                {"id": "s0", "type": "send_email", "template": "a"},
                {"id": "s1", "type": "send_email", "template": "b"},
            ],
        },
        by_alias=True,
        by_name=False,
    )


def opening(each: Campaign, zone: str | None, at: int) -> int:
    quiet, send_at = each.limits.quiet_hours, each.delivery.send_at
    hours = None
    if quiet is not None:
        start, until = time_of_day(quiet.from_), time_of_day(quiet.until)
        hours = QuietHours(start.hour * 60 + start.minute, until.hour * 60 + until.minute)
    due = None if send_at is None else time_of_day(send_at)
    return RecipientHours(pa.array([zone], pa.string()), each.timezone, hours, due, at).opening(0, at) or at


def plainly(campaigns: list[Campaign], zones: list[str | None], rows: list[tuple[int, ...]]) -> list[tuple[Fate, int]]:
    """The fate of each message, one after the other."""
    found: dict[int, tuple[Fate, int]] = {}
    waiting = []
    for number, (person, at, which, _, verdict) in enumerate(rows):
        each = campaigns[which]
        if verdict != Verdict.ELIGIBLE:
            found[number] = (Fate(verdict), at)
            continue
        opens = opening(each, zones[person], at)
        if opens >= expiry(each.delivery.expires, at):
            found[number] = (Fate.EXPIRED, opens)
        elif opens >= END:
            found[number] = (Fate.LATER, opens)
        else:
            waiting.append((opens, list(Priority).index(each.priority), at, which, rows[number][3], number))
    counted: dict[int, list[int]] = {}
    for opens, _, _, which, _, number in sorted(waiting):
        caps, sent = campaigns[which].limits.frequency, counted.setdefault(rows[number][0], [])
        if any(sum(each > opens - microseconds(cap.per) for each in sent) >= cap.messages for cap in caps):
            found[number] = (Fate.CAPPED, opens)
        else:
            found[number] = (Fate.SENT, opens)
            if caps:
                sent.append(opens)
    return [found[number] for number in range(len(rows))]


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_each_message_goes_when_a_delivery_would_let_it(data: st.DataObject) -> None:
    campaigns = [campaign(data.draw, f"w{number}") for number in range(data.draw(st.integers(1, 3)))]
    zones = data.draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=3))
    message = st.tuples(
        st.integers(0, len(zones) - 1),
        st.integers(0, 9 * 1_440 - 1).map(lambda minute: START + minute * MINUTE + minute % 7),
        st.integers(0, len(campaigns) - 1),
        st.integers(0, 1),
        st.sampled_from([Verdict.ELIGIBLE] * 9 + [Verdict.SUPPRESSED]),
    )
    rows = data.draw(st.lists(message, min_size=1, max_size=40, unique_by=lambda each: each[:4]))
    workflows = [SimulatedWorkflow(each, SCHEMA) for each in campaigns]
    programs = [SimulatedProgram(each, {}) for each in workflows]
    ids = [f"u{number}" for number in range(len(zones))]
    marks = pa.repeat(False, len(zones))
    names = [*SCHEMA.names, DUPLICATE, SUPPRESSED]
    emails = pa.array([f"{each}@example.com" for each in ids])
    table = pa.Table.from_arrays([pa.array(ids), emails, pa.array(zones, pa.string()), marks, marks], names=names)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    person, at, workflow, step, verdict = columns
    messages = Messages(person, at, workflow.astype(np.int16), step, np.full(len(rows), -1), verdict.astype(np.int8))
    passed = SimulatedGate(programs, END).let_pass(
        messages, VirtualPeople(programs, [table for _ in programs]), ZoneClocks(START - DAY, END + 5 * DAY)
    )
    assert list(zip(map(Fate, passed.fate.tolist()), passed.at.tolist(), strict=True)) == plainly(
        campaigns, zones, rows
    )


def test_the_clock_of_a_zone_shows_what_python_says() -> None:
    """Also in a quarter in which it changes, and where offsets are odd."""
    minutes = np.arange(START // MINUTE, END // MINUTE, 5)
    for name in ("Europe/Berlin", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe"):
        shown = ZoneClocks(START, END)[name].shown(minutes)
        for minute, local in zip(minutes.tolist(), shown.tolist(), strict=True):
            offset = datetime.fromtimestamp(minute * 60, ZoneInfo(name)).utcoffset()
            assert offset is not None and local - minute == offset.total_seconds() // 60
