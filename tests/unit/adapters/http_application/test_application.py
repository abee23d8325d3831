"""What the application answers, and what it does and does not do."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from engine.delivery.feedback.events import Kind

Ask = Callable[..., Any]
URL = "https://example.com/sale?size=m"


def test_the_post_alone_unsubscribes(ask: Ask, asked: Any) -> None:
    """RFC 8058: no cookie, no redirect, no question."""
    body = {"List-Unsubscribe": "One-Click"}
    for given in ({"data": body}, {"files": {"List-Unsubscribe": (None, "One-Click")}}, {}):
        reply = ask("POST", asked.unsubscribe, **given)
        assert reply.status_code == 200
        assert "set-cookie" not in reply.headers
    assert {(each.kind, each.address) for each in asked.memory.events} == {(Kind.UNSUBSCRIBE, "noor.19@example.com")}
    assert len({each.id for each in asked.memory.events}) == 1  # the same thing, told again


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_to_look_is_not_to_unsubscribe(ask: Ask, asked: Any, method: str) -> None:
    reply = ask(method, asked.unsubscribe)
    assert reply.status_code == 200
    assert ('<form method="post">' in reply.text) is (method == "GET")
    assert asked.memory.events == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_do_nothing(ask: Ask, asked: Any, method: str) -> None:
    assert ask(method, asked.unsubscribe).status_code == 405
    assert asked.memory.events == []


def test_forged_and_unknown_are_told_the_same(ask: Ask, asked: Any) -> None:
    forged = asked.unsubscribe[:-1] + ("a" if asked.unsubscribe[-1] != "a" else "b")
    for method in ("GET", "POST"):
        replies = [
            ask(method, path) for path in (forged, asked.unknown, "/u/x", "/u/" + "a" * 48, asked.unsubscribe.upper())
        ]
        assert {each.status_code for each in replies} == {404}
        assert len({(each.text, str(sorted(each.headers.items()))) for each in replies}) == 1
    assert asked.memory.events == []


def test_a_pictures_token_does_not_unsubscribe(ask: Ask, asked: Any) -> None:
    token = asked.pixel.removeprefix("/o/").removesuffix(".gif")
    assert ask("POST", f"/u/{token}").status_code == 404


def test_the_page_says_nothing_of_anybody(ask: Ask, asked: Any) -> None:
    reply = ask("GET", asked.unsubscribe)
    assert "noor" not in reply.text
    assert "form-action 'self'" in reply.headers["content-security-policy"]
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"


def test_an_opened_message(ask: Ask, asked: Any) -> None:
    reply = ask("GET", asked.pixel)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/gif")
    assert "no-store" in reply.headers["cache-control"]
    assert [each.kind for each in asked.memory.events] == [Kind.OPEN]
    assert ask("HEAD", asked.pixel).status_code == 200
    assert len(asked.memory.events) == 1


def test_a_link_leads_where_it_was_signed_to(ask: Ask, asked: Any) -> None:
    reply = ask("GET", asked.click(URL))
    assert (reply.status_code, reply.headers["location"]) == (302, URL)
    assert [(each.kind, each.detail) for each in asked.memory.events] == [(Kind.CLICK, URL)]


def test_a_link_that_was_changed_leads_nowhere(ask: Ask, asked: Any) -> None:
    path = asked.click(URL)
    for position in range(3, len(path)):
        for letter in ("A", "b", "2", "_"):
            if letter != path[position] and path[position] != "/":
                reply = ask("GET", path[:position] + letter + path[position + 1 :])
                assert reply.status_code == 400
                assert "location" not in reply.headers
    assert asked.memory.events == []


def test_where_a_link_leads_is_never_taken_from_the_request(ask: Ask, asked: Any) -> None:
    reply = ask("GET", asked.click(URL) + "?url=https://evil.example/", headers={"X-Forwarded-Host": "evil.example"})
    assert reply.headers["location"] == URL


@pytest.mark.parametrize("path", ["/hooks/postmark", "/u/x", "/o/x.gif"])
def test_too_long_a_body(ask: Ask, asked: Any, path: str) -> None:
    assert ask("POST", path, content=b"x" * (1 << 20) + b"x").status_code == 413


def test_too_long_a_body_that_does_not_say_so(ask: Ask) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 70_000

    assert ask("POST", "/hooks/postmark", content=chunks()).status_code == 413


def test_too_long_a_path(ask: Ask) -> None:
    assert ask("GET", "/c/" + "a" * 9_000).status_code == 414
    assert ask("GET", "/u/x?" + "a" * 9_000).status_code == 414


def test_a_webhook_is_believed_with_its_credentials(ask: Ask, asked: Any) -> None:
    body = {
        "RecordType": "Bounce",
        "ID": 1,
        "Type": "HardBounce",
        "Email": "tom@example.net",
        "Details": "550 5.1.1 user unknown",
    }
    assert ask("POST", "/hooks/postmark", json=body).status_code == 401
    assert asked.memory.events == []
    given = {"Authorization": "Basic " + b64encode(b"hook:password").decode()}
    assert ask("POST", "/hooks/postmark", json=body, headers=given).json() == {"events": 1}
    assert [each.kind for each in asked.memory.events] == [Kind.HARD]
    assert ask("POST", "/hooks/postmark", content=b"[", headers=given).status_code == 400
    assert ask("GET", "/hooks/postmark", headers=given).status_code == 405


def test_webhooks_that_are_not_configured_are_not_there(ask: Ask) -> None:
    assert ask("POST", "/hooks/sendgrid", json=[]).status_code == 404


def test_what_cannot_be_kept_is_asked_for_again(ask: Ask, asked: Any) -> None:
    asked.memory.down = True
    reply = ask("POST", asked.unsubscribe)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "30")
    assert "MR671" not in reply.text


def test_metrics_name_nobody(ask: Ask, asked: Any) -> None:
    ask("POST", asked.unsubscribe)
    ask("GET", asked.click(URL))
    ask("GET", "/somewhere/noor.19@example.com")
    text = ask("GET", "/metrics").text
    assert 'mailray_feedback_events_total{kind="unsubscribe",source="one-click"} 1.0' in text
    assert 'mailray_http_requests_total{method="POST",route="/u/{token}",status="200"} 1.0' in text
    assert 'route="none",status="404"' in text
    assert "example" not in text
    assert "noor" not in text
    assert asked.unsubscribe[3:] not in text


def test_health(ask: Ask, asked: Any) -> None:
    assert ask("GET", "/healthz").text == "ok"
    asked.memory.down = True
    assert ask("GET", "/healthz").status_code == 503
    asked.memory.down = False
    assert ask("GET", "/healthz").status_code == 200
