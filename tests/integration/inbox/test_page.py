"""The page over a real socket; a hostile message has no way to act."""

from __future__ import annotations

import http.client
import json
import smtplib
from email.message import EmailMessage

import pytest

from engine.adapters.inbox import BackgroundInbox, InboxSettings

HOSTILE = '<script>alert(1)</script><img src="http://tracker.example.com/x.gif" onerror="alert(2)">'


def mail() -> bytes:
    message = EmailMessage()
    message["Subject"] = "Grüße & <script>alert(0)</script>"
    message["Message-ID"] = "<1@example.com>"
    message.set_content("the text part: <b>not bold</b>")
    message.add_alternative(f"<p>the html part</p>{HOSTILE}", subtype="html")
    message.set_boundary("=-=")
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


@pytest.fixture(scope="module")
def inbox():
    with BackgroundInbox(InboxSettings(web_port=0)) as inbox:
        with smtplib.SMTP("127.0.0.1", inbox.port) as client:
            client.sendmail("shop@example.com", ["b@example.com"], mail())
            client.sendmail("shop@example.com", ["c@example.com"], b"\xff\xfe no header at all")
            client.sendmail(
                "shop@example.com", ["d@example.com"], b"Content-Type: text/html; charset=nonsense\r\n\r\n\xff<p>x"
            )
        yield inbox


@pytest.fixture
def get(inbox):
    def get(path: str, host: str | None = None) -> tuple[int, http.client.HTTPMessage, str]:
        connection = http.client.HTTPConnection("127.0.0.1", inbox.web_port, timeout=30)
        try:
            connection.request("GET", path, headers={"Host": host} if host else {})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    return get


def test_the_list(get) -> None:
    status, headers, page = get("/")
    assert status == 200
    assert "Grüße &amp; &lt;script&gt;" in page
    assert "<script" not in page
    assert "script-src" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert '<dd id="accepted">3</dd>' in page


def test_a_message(get) -> None:
    _, headers, page = get("/messages/1")
    assert '<iframe sandbox src="/messages/1/html"' in page
    assert "the text part: &lt;b&gt;not bold&lt;/b&gt;" in page
    assert "<script" not in page
    assert "frame-src 'self'" in headers["Content-Security-Policy"]


def test_the_html_part_can_do_nothing(get) -> None:
    _, headers, page = get("/messages/1/html")
    assert HOSTILE in page
    policy = headers["Content-Security-Policy"].split("; ")
    assert "sandbox" in policy  # and nothing behind it: no scripts, forms, pop-ups or same origin
    assert {"default-src 'none'", "img-src data:", "form-action 'none'"} < set(policy)
    assert not any("allow" in rule or "http" in rule for rule in policy)


def test_the_source_is_text(get) -> None:
    _, headers, page = get("/messages/1/source")
    assert headers["Content-Type"].startswith("text/plain")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert page.encode() == mail()


def test_the_interface_for_programs(get, inbox) -> None:
    counts = json.loads(get("/api/counts")[2])
    assert counts == inbox.counts.as_dict()
    assert counts["accepted"] == 3
    listed = json.loads(get("/api/messages")[2])
    assert [each["number"] for each in listed] == [3, 2, 1]
    assert listed[2]["subject"] == "Grüße & <script>alert(0)</script>"
    assert listed[2]["message_id"] == "<1@example.com>"
    assert listed[2]["recipients"] == ["b@example.com"]


@pytest.mark.parametrize("number", [2, 3])
def test_a_message_that_is_no_message_is_shown(number, get) -> None:
    for path in ("", "/html", "/source"):
        assert get(f"/messages/{number}{path}")[0] == 200


@pytest.mark.parametrize(
    "path", ["/messages/4", "/messages/0/html", "/messages/99999999999999999999", "/messages/x", "/nowhere"]
)
def test_what_is_not_there(path, get) -> None:
    assert get(path)[0] == 404


def test_another_sites_name_is_not_answered(get) -> None:
    assert get("/api/messages", host="rebound.example.com")[0] == 400
    assert get("/api/messages", host="localhost:1")[0] == 200
