"""A workflow, one execution at a time, as one would write it down without a thought for speed.

Everything is plain: dictionaries as the campaign file has them, instants as whole microseconds, conditions as Python functions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Row = dict[str, Any]
UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def duration(text: str) -> int:
    number, unit = text.split()
    return int(number) * UNITS[unit.rstrip("s")] * 1_000_000


def next_local(at: int, zone_name: str | None, default: str, wanted: str, days: list[str]) -> int:
    try:
        zone = ZoneInfo(zone_name or default)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo(default)
    first = date(1970, 1, 1) + timedelta(days=at // 86_400_000_000 - 2)
    found = []
    for ahead in range(20):
        day = first + timedelta(days=ahead)
        if not days or DAYS[day.weekday()] in days:
            shown = datetime.combine(day, time.fromisoformat(wanted), zone).astimezone(UTC)
            found.append(int(shown.timestamp()) * 1_000_000)
    return min(each for each in found if each > at)


def properties_of(event: Row) -> Row:
    """What the properties say, as far as it is what is declared."""
    try:
        found = json.loads(event["properties"] or "{}")
    except ValueError:
        return {}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


class Interpreter:
    """``conditions`` and ``expressions`` say in Python what each SQL text means for a row (a dictionary with `now` in it)."""

    def __init__(
        self,
        campaign: Row,
        conditions: Mapping[str, Callable[[Row], bool]],
        expressions: Mapping[str, Callable[[Row], Any]],
        uniform: Callable[..., Any],
        fields: list[str],
    ) -> None:
        self.campaign = campaign
        self.steps: list[Row] = campaign["workflow"]
        self.by_id = {step["id"]: step for step in self.steps}
        self.conditions, self.expressions, self.uniform, self.fields = conditions, expressions, uniform, fields

    def advance(self, execution: Row, person: Row, clock: int, arrivals: list[Row], replies: list[Row]) -> None:
        """Move ``execution`` on in place. What happens is appended to its lists `history` and `effects`."""
        self.x, self.person = execution, dict(person)
        waiting = sorted(
            (
                each
                for each in arrivals
                if each["user_id"] == execution["user_id"]
                and min(each["at"], clock) > execution["entered_at"]
                and each["position"] > execution["seen"]
            ),
            key=lambda each: (min(each["at"], clock), each["event_id"]),
        )
        if execution["state"] in ("ready", "waiting"):
            told = [each["position"] for each in arrivals if each["user_id"] == execution["user_id"]]
            execution["seen"] = max([execution["seen"], *told])
        answers = [
            each for each in replies if each["execution_id"] == execution["execution_id"] and self.is_awaited(each)
        ][:1]
        while execution["state"] in ("ready", "waiting"):
            event = waiting[0] if waiting else None
            at = execution["arrived_at"]
            times = [
                max(min(event["at"], clock), at) if event else math.inf,
                max(min(answers[0]["at"], clock), at) if answers else math.inf,
                execution["due"] if execution["due"] is not None and execution["due"] <= clock else math.inf,
            ]
            now = min(times)
            if now == math.inf:
                return
            if times[0] == now:
                waiting.pop(0)
                self.on_event(event or {}, int(now), clock)
            elif times[1] == now:
                self.on_reply(answers.pop(), int(now))
            else:
                self.on_timer(int(now))

    def is_awaited(self, reply: Row) -> bool:
        x = self.x
        same = all(reply[name] == x[name] for name in ("step", "occurrence"))
        return bool(x["awaits"] == "reply" and same and reply["attempt"] == x["retry_count"] + 1)

    # what happens

    def on_event(self, event: Row, now: int, clock: int) -> None:
        if self.is_over(now, event):
            return
        x, step = self.x, self.by_id[self.x["step"]]
        if x["state"] != "waiting":
            return
        properties = properties_of(event)
        if step.get("event") == event["event"] and event["event"] is not None:
            if min(event["at"], clock) > x["arrived_at"] and self.holds(step.get("when"), now, properties):
                self.go_on(step, now, output=step["event"])
        elif "condition" in step and self.holds(step["condition"], now):
            self.go_on(step, now)

    def on_timer(self, now: int) -> None:
        x, step = self.x, self.by_id[self.x["step"]]
        if x["state"] == "ready":
            self.run(now)
            return
        if self.is_over(now):
            return
        if "condition" in step:
            self.look(step, now, x["until"])
        elif "event" in step:
            self.go_on(step, now, step["on_timeout"], "timed_out")
        else:
            self.go_on(step, now)

    def on_reply(self, reply: Row, now: int) -> None:
        if self.is_over(now):
            return
        step = self.by_id[self.x["step"]]
        if not reply["good"]:
            self.fail(step, now, reply["error"], reply["again"], reply["again_at"] or 0)
            return
        body = json.loads(reply["body"] or "{}")
        written = {name: body.get(name) for name in step.get("response", {})}
        self.x["context"].update(written)
        output = {name: value for name, value in written.items() if value is not None}
        self.go_on(step, now, output=json.dumps(output) if step.get("response") else None)

    def is_over(self, now: int, event: Row | None = None) -> bool:
        """Whether an exit rule holds; goals are noted on the way."""
        goal = self.campaign.get("goal")
        if goal and self.x["goal_at"] is None and self.happens(goal, now, event):
            self.tell(now, "goal", self.label(goal), worked=False)
            self.x["goal_at"] = now
        for rule in self.campaign.get("exit", []):
            if self.happens(rule, now, event):
                self.tell(now, "exited", self.label(rule), worked=False)
                self.end("exited", now)
                return True
        return False

    def happens(self, rule: Row, now: int, event: Row | None) -> bool:
        if "event" not in rule:
            return self.holds(rule["when"], now)
        if event is None or event["event"] != rule["event"]:
            return False
        return self.holds(rule.get("when"), now, properties_of(event))

    def label(self, rule: Row) -> str:
        return f"event:{rule['event']}" if "event" in rule else str(rule["when"])

    # steps

    def run(self, now: int) -> None:
        """Work on steps until the execution waits or has ended."""
        while True:
            if self.is_over(now):
                return
            step = self.by_id[self.x["step"]]
            before = (self.x["step"], self.x["occurrence"])
            getattr(self, step["type"])(step, now)
            if self.x["state"] not in ("ready", "waiting") or (self.x["step"], self.x["occurrence"]) == before:
                return

    def send_email(self, step: Row, now: int) -> None:
        fields = {name: self.row(now).get(name) for name in self.fields}
        self.effect("send", now, {"template": step["template"], **fields})
        self.go_on(step, now, output=step["template"])

    def segment_user(self, step: Row, now: int) -> None:
        value = step.get("else")
        for choice in step["choices"]:
            if self.holds(choice["when"], now):
                value = choice["value"]
                break
        self.x["context"][step["into"]] = value
        self.effect("membership", now, {"segment_type": step["into"], "segment_value": value})
        self.go_on(step, now, output=value)

    def conditional_branch(self, step: Row, now: int) -> None:
        if "split" in step:
            drawn = self.uniform([self.x["user_id"]], "split", self.campaign["name"], step["id"], step.get("salt", ""))
            left = float(drawn[0]) * sum(share["weight"] for share in step["split"])
            target = step["split"][-1]["next"]
            for share in step["split"]:
                if left < share["weight"]:
                    target = share["next"]
                    break
                left -= share["weight"]
        else:
            taken = [branch["next"] for branch in step["branches"] if self.holds(branch["when"], now)]
            target = [*taken, step["else"]][0]
        self.go_on(step, now, target, output=target)

    def update_user_data(self, step: Row, now: int) -> None:
        row = self.row(now)
        values = {name: self.expressions[text](row) for name, text in step["set"].items()}
        for name, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                self.fail(step, now, name, again=True)
                return
        self.person.update(values)
        self.effect("update", now, values)
        self.go_on(step, now, output=json.dumps(values))

    def trigger_webhook(self, step: Row, now: int) -> None:
        row = self.row(now)
        body = {name: self.expressions[text](row) for name, text in step.get("payload", {}).items()}
        self.effect("call", now, {"body": body}, f"/{self.x['retry_count'] + 1}")
        self.x.update(state="waiting", due=None, until=None, awaits="reply")

    def wait_condition(self, step: Row, now: int) -> None:
        if "for" in step:
            self.wait(now + duration(step["for"]))
        elif "until" in step and ":" in step["until"] and "T" not in step["until"]:
            zone = self.person["tz"] if "timezone" not in step else None
            default = step.get("timezone", self.campaign["timezone"])
            self.wait(next_local(now, zone, default, step["until"], step.get("weekdays", [])))
        elif "until" in step:
            until = int(datetime.fromisoformat(step["until"]).timestamp()) * 1_000_000
            if until <= now:
                self.go_on(step, now)
            else:
                self.wait(until)
        elif "event" in step:
            until = now + duration(step["timeout"])
            self.wait(until, until, step["event"])
        else:
            self.look(step, now, now + duration(step["timeout"]))

    def look(self, step: Row, now: int, until: int) -> None:
        if self.holds(step["condition"], now):
            self.go_on(step, now)
        elif now >= until:
            self.go_on(step, now, step["on_timeout"], "timed_out")
        else:
            self.wait(min(now + duration(step.get("every", "1 hour")), until), until)

    # what steps do

    def wait(self, due: int, until: int | None = None, awaits: str | None = None) -> None:
        self.x.update(state="waiting", due=due, until=until, awaits=awaits)

    def go_on(
        self, step: Row, now: int, target: str | None = None, outcome: str = "done", output: str | None = None
    ) -> None:
        self.tell(now, outcome, output)
        self.leave(step, now, target)

    def leave(self, step: Row, now: int, target: str | None = None) -> None:
        x, place = self.x, self.steps.index(step)
        following = [*(each["id"] for each in self.steps[place + 1 :]), "end"][0]
        target = target or step.get("next") or following
        x.update(due=None, until=None, awaits=None)
        if target == "end":
            self.end("done", now)
            return
        if self.steps.index(self.by_id[target]) <= place:
            x["occurrence"] += 1
        running = x["state"] == "waiting"
        x.update(step=target, arrived_at=now, retry_count=0, state="ready")
        if running:  # woken from outside: nobody else goes on with it
            self.run(now)

    def fail(self, step: Row, now: int, error: str, again: bool, not_before: int = 0) -> None:
        x, rule = self.x, {"attempts": 1, "backoff": "1 minute", "longest": "1 hour"}
        if step["type"] == "trigger_webhook":
            rule.update(attempts=5, backoff="30 seconds")
        rule.update(step.get("retry", {}))
        x["error"] = error
        if again and x["retry_count"] + 1 < rule["attempts"]:
            self.tell(now, "retrying", error=error)
            pause = duration(rule["backoff"])
            for _ in range(x["retry_count"]):
                pause *= 2
            due = max(now + min(pause, duration(rule["longest"])), not_before)
            x.update(state="ready", due=due, until=None, awaits=None, retry_count=x["retry_count"] + 1)
            return
        self.tell(now, "failed", error=error)
        if step.get("critical"):
            self.end("failed", now)
        else:
            self.leave(step, now)

    def end(self, state: str, now: int) -> None:
        self.x.update(state=state, due=None, until=None, awaits=None, ended_at=now)

    def tell(
        self, now: int, outcome: str, output: str | None = None, error: str | None = None, worked: bool = True
    ) -> None:
        x = self.x
        told = {
            **{"execution_id": x["execution_id"], "move": x["moves"], "at": now, "step": x["step"]},
            **{"type": self.by_id[x["step"]]["type"] if worked else None, "occurrence": x["occurrence"]},
            **{"attempt": x["retry_count"] + 1, "outcome": outcome, "output": output, "error": error},
            **{"stood_us": now - x["arrived_at"]},
        }
        x["history"].append(told)
        x["moves"] += 1

    def effect(self, kind: str, now: int, payload: Row, suffix: str = "") -> None:
        x = self.x
        name = f"{x['execution_id']}/{x['step']}/{x['occurrence']}{suffix}"
        x["effects"].append({"name": name, "kind": kind, "user_id": x["user_id"], "at": now, "payload": payload})

    def row(self, now: int, event: Row | None = None) -> Row:
        context = self.x["context"]
        trigger = context.get("event") or {}
        row = {**self.person, **{name: value for name, value in context.items() if name != "event"}, "now": now}
        return {**row, "event": trigger if event is None else event}

    def holds(self, text: str | None, now: int, event: Row | None = None) -> bool:
        return text is None or bool(self.conditions[text](self.row(now, event)))
