"""Generated workflows, and what happens to the people in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

Row = dict[str, Any]
SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
START = int(datetime(2026, 3, 27, 22, tzinfo=UTC).timestamp()) * SECOND  # clocks go forward in Berlin 27 hours later
LATER = "TIMESTAMPTZ '2026-03-29 00:00:00+00'"
LATER_AT = int(datetime(2026, 3, 29, tzinfo=UTC).timestamp()) * SECOND

AUDIENCE = pa.schema(
    [("id", pa.string()), ("n", pa.int64()), ("tier", pa.string()), ("tz", pa.string()), ("visits", pa.int64())]
)
PEOPLE = pa.schema([*AUDIENCE, ("mark", pa.string()), ("spent", pa.float64())])
FIELDS = ["tier", "level", "mark"]
EVENTS = {"left": {"total": "number"}, "bought": {"total": "number"}, "seen": {}}

CONDITIONS: Mapping[str, Callable[[Row], bool]] = {
    "n > 2": lambda row: row["n"] is not None and row["n"] > 2,
    "n IS NULL": lambda row: row["n"] is None,
    "tier = 'gold'": lambda row: row["tier"] == "gold",
    "big": lambda row: row["n"] is not None and row["n"] > 3,
    "visits >= 2": lambda row: row["visits"] is not None and row["visits"] >= 2,
    "event.total > 5": lambda row: row["event"].get("total") is not None and row["event"]["total"] > 5,
    f"now() >= {LATER}": lambda row: bool(row["now"] >= LATER_AT),
}
WRITTEN: Mapping[str, Callable[[Row], bool]] = {
    "level = 'high'": lambda row: row.get("level") == "high",
    "score > 1": lambda row: row.get("score") is not None and row["score"] > 1,
}
EXPRESSIONS: Mapping[str, Callable[[Row], Any]] = {
    "coalesce(visits, 0) + 1": lambda row: (row["visits"] or 0) + 1,
    "tier": lambda row: row["tier"],
    "'gold'": lambda row: "gold",
    "event.total": lambda row: row["event"].get("total"),
    "1e308 * n": lambda row: None if row["n"] is None else 1e308 * row["n"],
}
# Which attribute each expression may set: types never clash.
SETTABLE = {
    "visits": ["coalesce(visits, 0) + 1"],
    "tier": ["'gold'"],
    "mark": ["tier", "'gold'"],
    "spent": ["1e308 * n"],
}


@dataclass(frozen=True)
class World:
    """A campaign, its people, who enters when, what happens, and when somebody looks."""

    campaign: Row
    people: list[Row]
    entries: list[Row]
    arrivals: list[Row]
    ticks: list[int]
    replies: int  # a seed

    @property
    def beginning(self) -> str:
        """The event that begins executions: one of the person, or a call of the API."""
        return str(self.campaign["trigger"].get("event", "trigger:cart"))

    def reply(self, effect: Row) -> Row:
        """How a call ends: always the same for the same call."""
        digest = hashlib.blake2b(f"{self.replies}{effect['name']}".encode(), digest_size=4).digest()
        execution, step, occurrence, attempt = effect["name"].split("/")
        body: Row = {"score": [0.5, 2.0, None][digest[0] % 3]}
        return {
            **{"execution_id": execution, "step": step, "occurrence": int(occurrence), "attempt": int(attempt)},
            **{"at": effect["at"] + [1, SECOND, 40 * SECOND, HOUR][digest[1] % 4], "good": digest[2] % 3 > 0},
            **{"again": digest[3] % 4 > 0, "again_at": effect["at"] + 2 * HOUR if digest[3] % 5 == 0 else None},
            **{"error": None if digest[2] % 3 > 0 else "status 500", "body": json.dumps(body)},
        }


@st.composite
def steps(draw: st.DrawFn, webhooks: bool, updates: bool) -> list[Row]:
    count = draw(st.integers(1, 5))
    names = [f"s{place}" for place in range(count)]
    kinds = ["send_email", "conditional_branch", "segment_user", "wait_condition", "wait_condition"]
    kinds += ["trigger_webhook"] * webhooks + ["update_user_data"] * updates
    chosen = [draw(st.sampled_from(kinds)) for _ in names]
    conditions = list(CONDITIONS)
    if "segment_user" in chosen:
        conditions.append("level = 'high'")
    if "trigger_webhook" in chosen:
        conditions.append("score > 1")
    made = []
    for place, kind in enumerate(chosen):
        ahead = [*names[place + 1 :], "end"]
        made.append(_step(draw, kind, names[place], ahead, names, st.sampled_from(conditions)))
    return made


def _step(
    draw: st.DrawFn, kind: str, name: str, ahead: list[str], names: list[str], condition: st.SearchStrategy[str]
) -> Row:
    forward = st.sampled_from(ahead)
    step: Row = {"id": name, "type": kind}
    if kind == "wait_condition":
        return step | _wait(draw, forward, st.sampled_from([*names, "end"]), condition)
    if kind == "conditional_branch":
        if draw(st.booleans()):
            shares = [{"weight": float(draw(st.integers(1, 3))), "next": draw(forward)} for _ in range(2)]
            return step | {"split": shares, "salt": draw(st.sampled_from(["", "x"]))}
        branches = [{"when": draw(condition), "next": draw(forward)} for _ in range(draw(st.integers(1, 2)))]
        return step | {"branches": branches, "else": draw(forward)}
    if draw(st.booleans()):
        step["next"] = draw(forward)
    if kind == "send_email":
        return step | {"template": draw(st.sampled_from(["offer", "news"]))}
    if kind == "segment_user":
        step |= {"into": "level", "choices": [{"when": draw(condition), "value": "high"}]}
        return step | ({"else": "low"} if draw(st.booleans()) else {})
    step["critical"] = draw(st.booleans())
    if draw(st.booleans()):
        step["retry"] = {"attempts": draw(st.integers(1, 3)), "backoff": "30 minutes", "longest": "1 hour"}
    if kind == "trigger_webhook":
        payload = {"who": draw(st.sampled_from(["tier", "event.total"]))}
        answer = {"score": {"path": "data.score", "type": "number"}}
        return step | {"url": "https://example.com/hook", "payload": payload, "response": answer}
    names_set = draw(st.lists(st.sampled_from(list(SETTABLE)), min_size=1, max_size=2, unique=True))
    return step | {"set": {name: draw(st.sampled_from(SETTABLE[name])) for name in names_set}}


def _wait(draw: st.DrawFn, forward: Any, anywhere: Any, condition: Any) -> Row:
    """Only a wait that always holds leads back."""
    length = st.sampled_from(["3 days", "9 hours", "1 day"])
    kind = draw(st.sampled_from(["event", "for", "event", "local", "instant", "event", "condition"]))
    if kind == "for":
        if draw(st.booleans()):
            return {"for": draw(st.sampled_from(["1 second", "90 minutes"])), "next": draw(forward)}
        return {"for": draw(length), "next": draw(anywhere)}
    if kind == "local":
        step = {"until": draw(st.sampled_from(["00:00", "02:30", "09:00"])), "next": draw(anywhere)}
        step |= {"weekdays": ["sunday", "monday"]} if draw(st.booleans()) else {}
        return step | ({"timezone": "America/New_York"} if draw(st.booleans()) else {})
    if kind == "instant":
        return {"until": "2026-03-29T00:30:00Z", "next": draw(forward)}
    if kind == "event":
        event = draw(st.sampled_from(["bought", "seen", "left"]))
        step = {"event": event, "timeout": draw(length), "next": draw(anywhere), "on_timeout": draw(anywhere)}
        return step | ({"when": "event.total > 5"} if event != "seen" and draw(st.booleans()) else {})
    step = {"condition": draw(condition), "timeout": draw(length), "next": draw(forward), "on_timeout": draw(forward)}
    return step | (
        {"every": draw(st.sampled_from(["7 hours", "1 day"]))} if draw(st.booleans()) else {"every": "5 hours"}
    )


HAPPENINGS = st.sampled_from(
    [
        {"event": "bought"},
        {"event": "bought", "when": "event.total > 5"},
        {"when": "visits >= 2"},
        {"when": f"now() >= {LATER}"},
    ]
)


@st.composite
def arrivals_of(draw: st.DrawFn, workflow: list[Row], people: int) -> list[Row]:
    """What happens to them, and to one who is nobody, in the order of its instants; mostly what some step waits for."""
    moments = st.one_of(st.integers(10, 70).map(lambda hour: hour * HOUR), st.integers(0, 6 * DAY))
    waited = [step["event"] for step in workflow if "event" in step]
    arrivals = [
        {
            **{"event_id": f"e{number}", "user_id": f"u{draw(st.integers(0, people))}", "at": START + draw(moments)},
            "event": draw(st.sampled_from([*waited, *waited, *EVENTS, None])),
            "properties": draw(
                st.sampled_from([None, "{}", '{"total": 9.5}', '{"total": 2}', '{"total": "x"}', "[broken"])
            ),
        }
        for number in range(draw(st.integers(2, 12)))
    ]
    arrivals.sort(key=lambda each: (each["at"], each["event_id"]))
    return [{"position": place + 1, **each} for place, each in enumerate(arrivals)]


@st.composite
def worlds(draw: st.DrawFn, webhooks: bool = True, updates: bool = True) -> World:
    campaign: Row = {
        **{"name": "cart", "type": "abandoned_cart", "class": "transactional", "timezone": "Europe/Berlin"},
        **{"audience": {"source": "a.parquet", "key": "id", "timezone": "tz"}, "segments": {"big": "n > 3"}},
        **{"events": EVENTS, "delivery": {"from": {"address": "news@example.com"}}},
        "trigger": draw(st.sampled_from([{"event": "left"}, {"api": True, "properties": {"total": "number"}}])),
        "workflow": draw(steps(webhooks, updates)),
    }
    if draw(st.integers(0, 2)) == 2:
        campaign["exit"] = draw(st.lists(HAPPENINGS, min_size=1, max_size=2))
    if draw(st.booleans()):
        campaign["goal"] = draw(HAPPENINGS)
    count = draw(st.integers(1, 4))
    people = [
        {
            **{"id": f"u{place}", "n": draw(st.sampled_from([None, 0, 1, 3, 5])), "mark": None, "spent": None},
            "tier": draw(st.sampled_from([None, "gold", 'q"\\\u00e9\n'])),
            "tz": draw(st.sampled_from([None, "Europe/Berlin", "Asia/Kathmandu", "Mars/Base"])),
            "visits": draw(st.sampled_from([None, 0, 2])),
        }
        for place in range(count)
    ]
    entries = [
        {
            "user_id": person["id"],
            "at": START + draw(st.integers(0, 30)) * HOUR,
            "total": draw(st.sampled_from([None, 1.5, 9.0])),
        }
        for person in people
    ]
    arrivals = draw(arrivals_of(campaign["workflow"], count))
    gaps = draw(st.lists(st.sampled_from([SECOND, HOUR, 13 * HOUR, 2 * DAY]), min_size=1, max_size=5))
    ticks = [START + 31 * HOUR + sum(gaps[:number]) for number in range(len(gaps) + 1)]
    return World(campaign, people, entries, arrivals, [*ticks, START + 12 * DAY], draw(st.integers(0, 99)))
