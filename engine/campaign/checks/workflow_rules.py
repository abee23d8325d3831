"""Rules about what begins and ends executions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cronsim import CronSim, CronSimError

from engine.campaign.checks.graph import Graph
from engine.campaign.document import Document, KeyPath
from engine.errors import Diagnostic, did_you_mean

_TRIGGERS = ("event", "segment_entry", "segment_exit", "cron", "anniversary", "api")
_ENTRY_RULES = ("not_while", "only_after")


def unclear_triggers(document: Document) -> Iterator[Diagnostic]:
    """A trigger is one thing; what ends or measures an execution is an event, a condition or both."""
    trigger = document.get(("trigger",), dict)
    if trigger is not None:
        kinds = [key for key in _TRIGGERS if key in trigger]
        if len(kinds) != 1:
            place = document.place_of_key(("trigger", kinds[1]) if kinds else ("trigger",))
            help = "write one of " + ", ".join(f"`{key}`" for key in _TRIGGERS)
            yield document.fault("MR136", "a trigger by " + ("two things" if kinds else "nothing"), place, help)
        for key, owner in (("at", "anniversary"), ("timezone", "cron"), ("properties", "api")):
            if key in trigger and kinds and owner not in kinds:
                place = document.place_of_key(("trigger", key))
                help = f"remove `{key}`" if key != "properties" else "name those of an event in `events`"
                yield document.fault("MR127", f"`{key}` goes with `{owner}` alone", place, help)
    for path in _happenings(document):
        if document.get(path, dict) == {}:
            help = "write `event:`, `when:` or both"
            yield document.fault("MR136", "neither an event nor a condition", document.place_of_value(path), help)


def unknown_segments(document: Document) -> Iterator[Diagnostic]:
    known = list(document.get(("segments",), dict) or {})
    for key in ("segment_entry", "segment_exit"):
        name = document.get(("trigger", key), str)
        if name is not None and name not in known:
            yield document.fault(
                "MR136", f"no segment has the name `{name}`", ("trigger", key), did_you_mean(name, known)
            )


def unknown_events(document: Document) -> Iterator[Diagnostic]:
    """Where the campaign says which events there are, no other is waited for."""
    known = document.get(("events",), dict)
    if not known:
        return
    steps = [(*step.path, "event") for step in Graph(document).steps if step.type == "wait_condition"]
    for path in [("trigger", "event"), *((*path, "event") for path in _happenings(document)), *steps]:
        name = document.get(path, str)
        if name is not None and name not in known:
            help = did_you_mean(name, [str(each) for each in known])
            yield document.fault("MR128", f"the event `{name}` is not among `events`", path, help)


def bad_cron(document: Document) -> Iterator[Diagnostic]:
    text = document.get(("trigger", "cron"), str)
    if text is None:
        return
    try:
        if len(text.split()) != 5:
            raise CronSimError("Wrong number of fields")
        CronSim(text, datetime(2000, 1, 1))
    except CronSimError as error:
        words = str(error)
        field = words.removeprefix("Bad ").replace("-", " ") if words.startswith("Bad ") else None
        message = f"the cron expression has a bad {field}" if field else "a cron expression has five fields"
        help = "minute, hour, day of month, month, day of week: `0 9 * * MON`"
        yield document.fault("MR135", message, ("trigger", "cron"), help)


def contradictory_rules(document: Document) -> Iterator[Diagnostic]:
    """What begins an execution must not end it in the same breath."""
    trigger = document.get(("trigger",), dict) or {}
    entry, condition = trigger.get("segment_entry"), _words(trigger.get("when"))
    begun_by = {_words(entry)} | ({condition} if trigger.get("event") is None else set())
    if trigger.get("segment_exit") is not None:
        begun_by.add(_words(f"not {trigger['segment_exit']}"))
    for index, rule in enumerate(document.get(("exit",), list) or []):
        if not isinstance(rule, dict):
            continue
        event, when = rule.get("event"), _words(rule.get("when"))
        same_event = event is not None and event == trigger.get("event") and when in (None, condition)
        if same_event or (event is None and when is not None and when in begun_by):
            help = "an execution would end as it begins: name another event or condition"
            yield document.fault("MR129", "the exit is what begins the execution", ("exit", index), help)


def endless_limits(document: Document) -> Iterator[Diagnostic]:
    """A limit of the messages of a run would end a workflow that people enter for as long as it is live."""
    if document.has(("trigger",)) and document.get(("limits", "recipients"), int) is not None:
        message = "`limits.recipients` is of a run, and a workflow with a trigger has none that ends: it would fall silent for ever"
        help = "remove it; `limits.frequency`, `messages_per_second` and the `warm_up` of a destination hold in live workflows"
        yield document.fault("MR146", message, document.place_of_key(("limits", "recipients")), help)


def idle_entry_rules(document: Document) -> Iterator[Diagnostic]:
    """Rules of entering are about other workflows, and asked of whom a trigger lets in."""
    own = document.get(("name",), str)
    for key in _ENTRY_RULES:
        names = document.get((key,), list) or []
        if names and not document.has(("trigger",)):
            message = f"`{key}` is asked of whom a trigger lets in, and there is none"
            yield document.fault("MR142", message, document.place_of_key((key,)), f"add `trigger:`, or remove `{key}`")
        for index, name in enumerate(names):
            if name == own and own is not None:
                help = "nobody is in a workflow twice at a time; `reentry` says who comes again"
                yield document.fault("MR141", f"`{key}` names the campaign itself", (key, index), help)


def _happenings(document: Document) -> list[KeyPath]:
    exits: list[KeyPath] = [("exit", index) for index in range(len(document.get(("exit",), list) or []))]
    return [*exits, ("goal",)] if document.has(("goal",)) else exits


def _words(text: object) -> str | None:
    """A condition with its white space and case made alike."""
    return " ".join(text.lower().split()) if isinstance(text, str) else None
