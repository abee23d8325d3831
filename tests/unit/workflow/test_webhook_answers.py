"""What an answer means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.workflow.webhooks import Answer, Call, mapped, replies

NOW = int(datetime(2026, 3, 1, 9, tzinfo=UTC).timestamp()) * 1_000_000
CALL = Call(
    **{"name": "x1/tell/2/3", "key": "x1/tell/2", "workflow": "cart", "execution_id": "x1"},
    **{"step": "tell", "occurrence": 2, "attempt": 3},
    **{"url": "https://example.com/", "method": "POST", "headers": {}, "credentials": None, "per_second": None},
    **{"response": {"id": "data.items.1.id"}, "body": "{}"},
)


def reply(answer: Answer) -> dict[str, Any]:
    (row,) = replies([(CALL, answer, NOW)]).to_pylist()
    return dict(row)


def test_a_good_answer_brings_what_is_asked_of_it() -> None:
    told = reply(Answer(204, {"Retry-After": "9"}, b'{"data":{"items":[1,{"id":"a"}]}}'))
    assert (told["execution_id"], told["step"], told["occurrence"], told["attempt"]) == ("x1", "tell", 2, 3)
    assert (told["good"], told["again"], told["error"], told["again_at"]) == (True, False, None, None)
    assert json.loads(told["body"]) == {"id": "a"}


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *((status, True) for status in (408, 425, 429, 500, 502, 503, 504)),
        *((status, False) for status in (301, 302, 400, 401, 404, 410, 501, 505)),
    ],
)
def test_which_failures_may_pass(status: int, again: bool) -> None:
    told = reply(Answer(status))
    assert (told["good"], told["again"], told["error"]) == (False, again, f"answered {status}")


@pytest.mark.parametrize("again", [True, False])
def test_no_answer(again: bool) -> None:
    told = reply(Answer(None, error="no answer within 5 seconds", again=again))
    assert (told["good"], told["again"], told["error"]) == (False, again, "no answer within 5 seconds")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("999999999999", 86_400),
        ("Sun, 01 Mar 2026 09:02:00 GMT", 120),
        ("Sun, 01 Mar 2026 08:00:00 GMT", 0),
        ("Sun, 01 Mar 2027 08:00:00 GMT", 86_400),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after(text: str, seconds: int | None) -> None:
    at = reply(Answer(503, {"retry-after": text}))["again_at"]
    assert at == (None if seconds is None else datetime.fromtimestamp(NOW / 1e6 + seconds, UTC))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":{"b":1}}', 1),
        (b'{"a":[{"b":2}]}', None),
        (b'{"a":{"b":{"c":1}}}', None),
        (b'{"a":null}', None),
        (b"[]", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b'{"a":{"b":"\xc3\xa9\\n"}}', "\u00e9\n"),
    ],
)
def test_what_is_not_there_is_null(body: bytes, value: object) -> None:
    assert json.loads(mapped(body, {"x": "a.b"})) == {"x": value}
