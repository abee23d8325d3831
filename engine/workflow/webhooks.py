"""Webhooks, without the network: what is called, and what an answer means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pyarrow as pa

from engine.workflow.executions import EffectKind
from engine.workflow.news import REPLIES

LONGEST_RETRY_AFTER = 24 * 3_600
# What may pass: RFC 9110 sections 15.5.9 and 15.6, RFC 8470 section 5.2, RFC 6585 section 4.
_MAY_PASS = frozenset({408, 425, 429, *range(500, 600)} - {501, 505})


@dataclass(frozen=True, slots=True)
class Call:
    """One try of one execution's call. ``key`` is the same in all its tries: whoever is called knows a repeat by it."""

    name: str
    key: str
    workflow: str
    execution_id: str
    step: str
    occurrence: int
    attempt: int
    url: str
    method: str
    headers: Mapping[str, str]
    credentials: str | None
    per_second: float | None
    response: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call. ``status`` is None when no answer came; ``again`` then tells whether that may pass."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str | None = None
    again: bool = True


def calls(effects: pa.RecordBatch) -> list[Call]:
    """The calls among EFFECTS."""
    return [_call(row) for row in effects.to_pylist() if row["kind"] == EffectKind.CALL]


def replies(answered: Iterable[tuple[Call, Answer, int]]) -> pa.RecordBatch:
    """REPLIES for calls, what came of each, and when (UTC microseconds)."""
    rows = [_reply(call, answer, at) for call, answer, at in answered]
    arrays = [pa.array([row[each.name] for row in rows], each.type) for each in REPLIES]
    return pa.RecordBatch.from_arrays(arrays, schema=REPLIES)


def _call(effect: Mapping[str, Any]) -> Call:
    payload = json.loads(effect["payload"])
    key, _, attempt = effect["name"].rpartition("/")
    return Call(
        name=effect["name"],
        key=key,
        workflow=effect["workflow"],
        execution_id=effect["execution_id"],
        step=effect["step"],
        occurrence=int(key.rpartition("/")[2]),
        attempt=int(attempt),
        body=payload["body"],
        **payload["request"],
    )


def _reply(call: Call, answer: Answer, at: int) -> dict[str, Any]:
    good = answer.status is not None and 200 <= answer.status < 300
    again = answer.again if answer.status is None else answer.status in _MAY_PASS
    error = answer.error if answer.status is None else f"answered {answer.status}"
    return {
        **{
            "execution_id": call.execution_id,
            "step": call.step,
            "occurrence": call.occurrence,
            "attempt": call.attempt,
        },
        **{"at": at, "good": good, "again": not good and again, "error": None if good else error},
        "again_at": None if good else _retry_after(answer.headers, at),
        "body": mapped(answer.body, call.response) if good else None,
    }


def mapped(body: bytes, response: Mapping[str, str]) -> str:
    """A JSON object with what stands in a body at each name's path; what is not there, or no single value, is null."""
    try:
        document = json.loads(body) if response else None
    except (ValueError, RecursionError):
        document = None
    return json.dumps(
        {name: _at(document, path) for name, path in response.items()}, ensure_ascii=False, allow_nan=True
    )


def _at(document: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return None if isinstance(document, dict | list) else document


def _retry_after(headers: Mapping[str, str], at: int) -> int | None:
    """Retry-After (RFC 9110 section 10.2.3), in seconds or as a date; a day at most."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if text.isascii() and text.isdigit():
        seconds = min(int(text[:9]), LONGEST_RETRY_AFTER)
    else:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
        moment = when if when.tzinfo else when.replace(tzinfo=UTC)
        now = datetime.fromtimestamp(at / 1e6, UTC)
        seconds = min(max(round((moment - now).total_seconds()), 0), LONGEST_RETRY_AFTER)
    return at + seconds * 1_000_000
