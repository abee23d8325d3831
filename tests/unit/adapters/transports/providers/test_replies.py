from __future__ import annotations

import pytest

from engine.adapters.transports.providers.provider import Reply, Request
from engine.adapters.transports.providers.replies import identifier_in, name_in, retry_after

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "Thu, 01 Jan 2026 12:01:00 GMT"}, 60),
        ({"retry-after": "Thu, 01 Jan 2026 11:59:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "9" * 400}, float("inf")),
        ({"x-ratelimit-reset": str(int(NOON) + 5)}, 5),
        ({"x-ratelimit-reset": "x"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers, seconds) -> None:
    assert retry_after(Reply(429, headers, b""), NOON) == seconds


def test_texts_are_kept_only_if_they_are_names() -> None:
    assert name_in("invalid_api_key") == "invalid_api_key"
    assert name_in("anna@example.com is no address") == name_in(None) == name_in("") == ""
    assert identifier_in("b7bc2f4a-e38e-4336") == "b7bc2f4a-e38e-4336"
    assert identifier_in("a b") is identifier_in(5) is identifier_in("x" * 101) is None


def test_a_request_is_not_shown() -> None:
    assert "sesame" not in repr(Request("https://example.com", {"Authorization": "Bearer sesame"}, b"sesame"))
