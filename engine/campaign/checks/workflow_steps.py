"""Rules about what single steps of a workflow say: keys that need or exclude one another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import available_timezones

from engine.campaign.checks.delivery import CONTROLS
from engine.campaign.checks.graph import Graph, StepNode
from engine.campaign.document import Document
from engine.campaign.durations import INSTANT_OR_TIME, TIME_OF_DAY
from engine.errors import Diagnostic, near_match

_WAITS = ("for", "until", "event", "condition")
# Each key of a wait that goes with one kind of it alone.
_GOES_WITH = {"when": ("event",), "every": ("condition",), "timeout": ("event", "condition")}
_GOES_WITH |= {"on_timeout": ("event", "condition"), "weekdays": ("until",), "timezone": ("until",)}
_OWN_HEADERS = ("host", "content-length", "content-type", "connection", "transfer-encoding", "idempotency-key")
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")


def unclear_waits(document: Document) -> Iterator[Diagnostic]:
    """A wait is for one thing, and what happens to a person may never happen."""
    for step in _of_type(document, "wait_condition"):
        kinds = [key for key in _WAITS if document.has((*step.path, key))]
        if len(kinds) != 1:
            place = (*step.path, kinds[1]) if kinds else document.place_of_key(step.path)
            message = "a wait for two things" if kinds else f"the wait `{step.id}` says not for what"
            help = "write one of `for: 2 days`, `until: '09:00'`, `event: ...` and `condition: ...`"
            yield document.fault("MR125", message, place, help)
            continue
        kind = kinds[0]
        for key in ("timeout", "on_timeout"):
            if kind in ("event", "condition") and not document.has((*step.path, key)):
                help = "add `timeout: 3 days` and `on_timeout:`, the step where that leads to"
                yield document.fault("MR126", f"a wait for `{kind}` has no `{key}`", (*step.path, kind), help)
        for key, owners in _GOES_WITH.items():
            local = re.fullmatch(TIME_OF_DAY, document.get((*step.path, "until"), str) or "") is not None
            fits = kind in owners and (kind != "until" or local)
            if document.has((*step.path, key)) and not fits:
                owner = "a time of the day" if owners == ("until",) else " or ".join(f"`{each}`" for each in owners)
                place = document.place_of_key((*step.path, key))
                yield document.fault("MR127", f"`{key}` goes with {owner} alone", place, f"remove `{key}`")


def unclear_branches(document: Document) -> Iterator[Diagnostic]:
    """A branch is by conditions, and then everybody else goes somewhere, or by weights."""
    for step in _of_type(document, "conditional_branch"):
        by_condition, by_weight = (bool(document.get((*step.path, key), list)) for key in ("branches", "split"))
        place = document.place_of_key(step.path)
        if by_condition and by_weight:
            place = document.place_of_key((*step.path, "split"))
            yield document.fault("MR137", "a branch by conditions and by weights", place, "make two steps of it")
        elif not by_condition and not by_weight:
            help = "write `branches:` and `else:`, or `split:`"
            yield document.fault("MR137", f"the branch `{step.id}` leads nowhere", place, help)
        elif by_condition and not document.has((*step.path, "else")):
            help = "add `else:`, a step's id or `end`"
            yield document.fault("MR137", f"the branch `{step.id}` has no `else`", place, help)
        elif by_weight and document.has((*step.path, "else")):
            place = document.place_of_key((*step.path, "else"))
            yield document.fault("MR137", "everybody has a share: there is nobody `else`", place, "remove `else`")


def unknown_zones(document: Document) -> Iterator[Diagnostic]:
    paths = [(*step.path, "timezone") for step in Graph(document).steps]
    for path in [*paths, ("trigger", "timezone")]:
        zone = document.get(path, str)
        if zone is None or zone in available_timezones():
            continue
        by_lower = {name.lower(): name for name in available_timezones()}
        match = by_lower.get(zone.strip().lower()) or near_match(zone, sorted(by_lower.values()))
        help = f"did you mean `{match}`?" if match else "name an IANA zone, such as `Europe/Berlin`"
        yield document.fault("MR130", f"unknown timezone `{zone}`", path, help)


def unknown_instants(document: Document) -> Iterator[Diagnostic]:
    for step in _of_type(document, "wait_condition"):
        path = (*step.path, "until")
        text = document.get(path, str)
        if text is None or re.fullmatch(INSTANT_OR_TIME, text) is None or re.fullmatch(TIME_OF_DAY, text):
            continue
        try:
            datetime.fromisoformat(text)
        except ValueError:
            yield document.fault("MR133", f"`{text}` does not exist", path, "name a day of the calendar")


def unwelcome_headers(document: Document) -> Iterator[Diagnostic]:
    for step in _of_type(document, "trigger_webhook"):
        for name in document.get((*step.path, "headers"), dict) or {}:
            if str(name).lower() not in (*_OWN_HEADERS, *_SECRET_HEADERS):
                continue
            secret = str(name).lower() in _SECRET_HEADERS
            help = "refer to it: `credentials: env:NAME`" if secret else "remove it"
            message = f"the header `{name}` " + ("holds a secret" if secret else "is set by each call itself")
            place = document.place_of_key((*step.path, "headers", name))
            yield document.fault("MR139", message, place, help)


def unsafe_headers(document: Document) -> Iterator[Diagnostic]:
    """What HTTP refuses in a field's value (RFC 9110 section 5.5), so that each call would fail."""
    for step in _of_type(document, "trigger_webhook"):
        for name in document.get((*step.path, "headers"), dict) or {}:
            path = (*step.path, "headers", name)
            value = document.get(path, str) or ""
            if CONTROLS.search(value.replace("\t", " ")) or not value.isascii():
                message = f"the header `{name}` holds a line break, a control character or a letter beyond ASCII"
                yield document.fault("MR151", message, path, "write it in one line of ASCII; `payload` takes any text")


def idle_choices(document: Document) -> Iterator[Diagnostic]:
    """The first condition that is true is taken, so nobody comes to one that has been asked before."""
    for step in Graph(document).steps:
        for key in ("branches", "choices"):
            asked: dict[str, int] = {}
            for index in range(len(document.get((*step.path, key), list) or [])):
                path = (*step.path, key, index, "when")
                words = " ".join((document.get(path, str) or "").split())
                first = asked.setdefault(words, index)
                if words and first != index:
                    line = document.place_of_value((*step.path, key, first, "when")).line
                    help = f"it is asked in line {line} already, and the first that is true is taken"
                    yield document.fault("MR143", "nobody comes to this choice", path, help)


def _of_type(document: Document, kind: str) -> Iterator[StepNode]:
    return (step for step in Graph(document).steps if step.type == kind)
