from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from engine.campaign.schema import Campaign
from engine.workflow.executions import ENTRIES, execution_id
from engine.workflow.news import ARRIVALS
from engine.workflow.triggers import TriggerProgram, cron_instants

AUDIENCE = pa.schema([("id", pa.string()), ("n", pa.int64()), ("tz", pa.string()), ("born", pa.date32())])
SEND = [{"id": "offer", "type": "send_email", "template": "offer"}]
MakeCampaign = Callable[..., Campaign]
MakeBatch = Callable[[Sequence[dict[str, Any]], pa.Schema], pa.RecordBatch]


def micros(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type, misc]


def test_events_that_are_meant_begin_executions(make_campaign: MakeCampaign, make_batch: MakeBatch) -> None:
    campaign = make_campaign(
        SEND,
        trigger={"event": "left", "when": "event.total > 5 AND big"},
        events={"left": {"total": "number"}},
        segments={"big": "n > 1"},
    )
    rows = [
        ("e1", "ann", "left", '{"total":9,"more":1}'),
        ("e2", "bob", "left", '{"total":9}'),
        ("e3", "cyd", "left", '{"total":2}'),
        ("e4", "ann", "other", '{"total":9}'),
        ("e5", "cyd", "left", '{"total":5.5}'),
        ("e6", "cyd", None, None),
    ]
    people = {"ann": 2, "bob": 1, "cyd": 3}
    arrivals = [
        {"position": 1, "event_id": event, "user_id": user, "event": name, "at": 7, "properties": properties}
        for event, user, name, properties in rows
    ]
    found = TriggerProgram(campaign, AUDIENCE, "v1").of_events(
        make_batch(arrivals, ARRIVALS), make_batch([{"id": user, "n": people[user]} for _, user, *_ in rows], AUDIENCE)
    )
    assert found.schema.equals(ENTRIES)
    assert [(row["user_id"], json.loads(row["context"])) for row in found.to_pylist()] == [
        ("ann", {"event": {"total": 9}}),
        ("cyd", {"event": {"total": 5.5}}),
    ]
    first = found.to_pylist()[0]
    assert (first["execution_id"], first["trigger"]) == (execution_id("cart", "ann", "e1"), "event:left")
    assert (first["workflow"], first["version"], first["step"]) == ("cart", "v1", "offer")


def test_segments_are_entered_and_left(make_campaign: MakeCampaign, make_batch: MakeBatch) -> None:
    people = make_batch([{"id": name} for name in "abcd"], AUDIENCE)
    before, after = np.array([False, False, True, True]), np.array([False, True, False, True])
    for kind, who in (("segment_entry", ["b"]), ("segment_exit", ["c"])):
        program = TriggerProgram(make_campaign(SEND, segments={"big": "n > 1"}, trigger={kind: "big"}), AUDIENCE, "v1")
        found = program.of_segment(before, after, people, 7)
        assert found.column("user_id").to_pylist() == who
        assert found.column("trigger").to_pylist() == [f"{kind}:big"]
        assert program.in_segment(make_batch([{"id": "a", "n": 2}, {"id": "b", "n": 1}], AUDIENCE), 7).tolist() == [
            1,
            0,
        ]


def test_one_change_of_a_segment_is_one_cause_whenever_it_is_seen(
    make_campaign: MakeCampaign, make_batch: MakeBatch
) -> None:
    campaign = make_campaign(SEND, segments={"big": "n > 1"}, trigger={"segment_entry": "big"})
    program, people = TriggerProgram(campaign, AUDIENCE, "v1"), make_batch([{"id": "a"}, {"id": "b"}], AUDIENCE)

    def ids(at: int, since: list[int]) -> list[str]:
        out, inside = np.zeros(2, np.bool_), np.ones(2, np.bool_)
        return list(program.of_segment(out, inside, people, at, np.array(since)).column("execution_id").to_pylist())

    assert ids(7, [0, 5]) == ids(8, [0, 5])
    assert not {*ids(7, [0, 5])} & {*ids(7, [6, 6])}


def test_whoever_is_not_of_the_audience_does_not_enter(make_campaign: MakeCampaign, make_batch: MakeBatch) -> None:
    campaign = make_campaign(SEND, trigger={"event": "left", "when": "tz IS NULL"})
    campaign = campaign.model_copy(update={"audience": campaign.audience.model_copy(update={"where": "n > 1"})})
    program = TriggerProgram(campaign, AUDIENCE, "v1")
    rows = [{"id": "ann", "n": 2}, {"id": "bob", "n": 1}, {"id": "cyd"}, {"id": "dan", "n": 2, "tz": "UTC"}]
    people = make_batch(rows, AUDIENCE)
    assert program.of_moment(people, 7).column("user_id").to_pylist() == ["ann"]
    arrivals = [
        {"position": 1, "event_id": f"e{row['id']}", "user_id": row["id"], "event": "left", "at": 7} for row in rows
    ]
    assert program.of_events(make_batch(arrivals, ARRIVALS), people).column("user_id").to_pylist() == ["ann"]


def test_cron_is_by_the_clock_of_its_zone(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(SEND, trigger={"cron": "30 2 * * *", "timezone": "Europe/Berlin"})
    found = [
        datetime.fromtimestamp(each / 1e6, UTC).strftime("%d %H:%M")
        for each in cron_instants(campaign, micros(2026, 3, 27, 12), micros(2026, 3, 30, 12))
    ]
    assert found == ["28 01:30", "29 01:00", "30 00:30"]  # the 29th has no 02:30: right after the gap
    twice = list(cron_instants(campaign, micros(2026, 10, 24, 12), micros(2026, 10, 25, 12)))
    assert len(twice) == 1
    assert list(cron_instants(make_campaign(SEND), 0, 1)) == []


def test_everybody_enters_at_a_moment_once(make_campaign: MakeCampaign, make_batch: MakeBatch) -> None:
    campaign = make_campaign(
        SEND, trigger={"cron": "0 9 * * *", "when": "now() >= TIMESTAMPTZ '2026-03-01 09:00:00+00' AND n > 1"}
    )
    program = TriggerProgram(campaign, AUDIENCE, "v1")
    people = make_batch([{"id": "ann", "n": 2}, {"id": "bob", "n": 1}, {"id": "cyd"}], AUDIENCE)
    at = micros(2026, 3, 1, 9)
    assert program.of_moment(people, at - 1).num_rows == 0
    first, again = program.of_moment(people, at), program.of_moment(people, at)
    assert first.column("user_id").to_pylist() == ["ann"]
    assert first.equals(again)


def test_calls_tell_properties_as_events_do(make_campaign: MakeCampaign, make_batch: MakeBatch) -> None:
    """By one call or several: what is declared is read, in a condition as in what the execution carries."""
    properties = {"total": "number", "note": "text"}
    told = ['{"total":9,"note":"a","more":1}', '{"total":2}', '{"total":"nine"}', None, '{"total":6}']
    people = make_batch([{"id": user, "n": 1} for user in ("ann", "bob", "cyd", "dan", "ann")], AUDIENCE)

    def entered(event: str, **rest: Any) -> list[dict[str, Any]]:
        program = TriggerProgram(make_campaign(SEND, **rest), AUDIENCE, "v1")
        rows = [
            {"position": n, "event_id": f"c{n}", "user_id": user, "event": event, "at": 7, "properties": told[n]}
            for n, user in enumerate(people.column("id").to_pylist())
        ]
        arrivals = make_batch(rows, ARRIVALS)
        entries = (
            program.of_events(arrivals, people) if event == "left" else program.of_calls(arrivals, people)
        ).to_pylist()
        assert {entry.pop("trigger") for entry in entries} == {"event:left" if event == "left" else "api"}
        return entries

    when = "event.total > 5 OR event.note IS NULL AND event.total IS NULL"
    called = entered("trigger:cart", trigger={"api": True, "properties": properties, "when": when})
    assert called == entered("left", trigger={"event": "left", "when": when}, events={"left": properties})
    assert [(row["user_id"], json.loads(row["context"])["event"]) for row in called] == [
        ("ann", {"total": 9, "note": "a"}),
        ("cyd", {}),
        ("dan", {}),
        ("ann", {"total": 6}),
    ]
    assert called[0]["execution_id"] == execution_id("cart", "ann", "c0")
    plain = entered("trigger:cart", trigger={"api": True})
    assert [row["context"] for row in plain] == [None] * 5


def test_anniversaries(make_campaign: MakeCampaign, make_batch: MakeBatch) -> None:
    program = TriggerProgram(make_campaign(SEND, trigger={"anniversary": "born", "at": "09:00"}), AUDIENCE, "v1")
    born = {"ann": (date(1990, 3, 1), "Europe/Berlin"), "leap": (date(2000, 2, 29), None), "none": (None, None)}
    born |= {"new": (date(2026, 3, 1), None), "far": (date(1990, 3, 1), "Pacific/Kiritimati")}
    people = make_batch([{"id": name, "born": day, "tz": zone} for name, (day, zone) in born.items()], AUDIENCE)

    def between(after: int, until: int) -> dict[str, str]:
        rows = program.of_anniversaries(people, after, until).to_pylist()
        return {row["user_id"]: row["at"].isoformat() for row in rows}

    day = between(micros(2026, 2, 28, 12), micros(2026, 3, 1, 12))
    assert day == {"ann": "2026-03-01T08:00:00+00:00", "far": "2026-02-28T19:00:00+00:00"}
    assert between(micros(2026, 3, 1, 8), micros(2026, 3, 1, 9)) == {}  # the beginning does not belong to it
    assert between(micros(2026, 2, 28), micros(2026, 2, 28, 9)) == {"leap": "2026-02-28T08:00:00+00:00"}
    assert between(micros(2028, 2, 28), micros(2028, 2, 29, 9)) == {"leap": "2028-02-29T08:00:00+00:00"}
