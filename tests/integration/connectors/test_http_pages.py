"""Pages of an interface that is slow, refuses, lies or goes away."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any

import httpx
import pytest

from engine.adapters.connectors import HttpPages, Paging
from engine.adapters.connectors.http_client import LARGEST_PAGE, TRIES, PageClient
from engine.audience.incoming import EVENT, Reading
from engine.errors import InputError, MailrayError, RefusedError, ServiceError, TryAgainError

Read = Callable[..., list[str]]


def event(number: int) -> dict[str, str]:
    at = "2026-03-02T10:00:00Z"
    return {"event_id": f"e{number}", "user_id": "u", "event_type": "ordered", "event_time": at}


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def read(interface: Any, waits: list[float]) -> Iterator[Read]:
    """Read what there is behind a cursor; gives the events' ids and what each page would be kept with."""
    client = PageClient("a-token", sleep=waits.append)

    def ids(cursor: str | None = None, paging: Paging = Paging()) -> list[str]:  # noqa: B008
        pages = HttpPages(f"{interface.url}?kind=a", Reading(EVENT), paging, client).pages(cursor)
        return [each for page in pages for each in [*page.rows.column("event_id").to_pylist(), page.cursor]]

    yield ids
    client.close()


def test_patience(interface: Any, read: Read, waits: list[float]) -> None:
    interface.answer(429, retry_after="7")
    interface.answer(503, retry_after=formatdate(time.time() + 90, usegmt=True))
    interface.answer(500)
    interface.answer(0)
    interface.answer(200, [event(1)])
    assert read() == ["e1", None]
    assert {authorization for _, authorization in interface.asked} == {"Bearer a-token"}
    assert waits[0] == 7
    assert 0 < waits[1] <= 90
    assert 1 <= waits[2] <= 2
    assert 2 <= waits[3] <= 4


def test_patience_ends(interface: Any, read: Read) -> None:
    interface.answer(500)
    with pytest.raises(TryAgainError, match=r"MR795.*does not answer"):
        read()
    assert len(interface.asked) == TRIES


def test_more_patience_than_a_command_has(interface: Any, read: Read, waits: list[float]) -> None:
    interface.answer(429, retry_after="86400")
    with pytest.raises(TryAgainError, match="86,400 seconds"):
        read()
    assert waits == []


def test_nobody_there(waits: list[float]) -> None:
    client = PageClient(None, sleep=waits.append)
    with pytest.raises(TryAgainError, match="MR795"):
        next(HttpPages("http://127.0.0.1:9/", Reading(EVENT), Paging(), client).pages(None))
    client.close()
    assert len(waits) == TRIES - 1


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, RefusedError, "MR796"),
        (403, RefusedError, "MR796"),
        (404, ServiceError, "MR794"),
        (302, ServiceError, "MR794"),
        (204, ServiceError, "MR794"),
    ],
)
def test_what_will_not_change_is_not_asked_again(
    interface: Any, read: Read, status: int, kind: type[MailrayError], code: str
) -> None:
    interface.answer(status, b"", location="http://127.0.0.1:9/")
    with pytest.raises(kind) as fault:
        read()
    assert fault.value.diagnostics[0].code == code
    assert "kind=a" not in str(fault.value)
    assert len(interface.asked) == 1


@pytest.mark.parametrize(
    ("body", "paging"),
    [
        (b"<html>", Paging()),
        (b"\xff", Paging()),
        (b"[" * 100_000, Paging()),
        ({"data": []}, Paging()),
        ({"data": 5}, Paging("data")),
        ({"data": {"rows": None}}, Paging("data.rows")),
        ({"data": [], "next": {"a": 1}}, Paging("data", "next")),
    ],
)
def test_pages_that_cannot_be_read(interface: Any, read: Read, body: Any, paging: Paging) -> None:
    interface.answer(200, body)
    with pytest.raises(InputError, match="MR797"):
        read(paging=paging)


def test_a_page_has_a_largest_size_however_it_is_packed(interface: Any, read: Read) -> None:
    interface.answer(200, gzip.compress(b" " * (LARGEST_PAGE + 1), 1), content_encoding="gzip")
    with pytest.raises(InputError, match="larger than 64 MiB"):
        read()


@pytest.mark.parametrize(
    "elsewhere", ["http://localhost:{port}/", "https://127.0.0.1:{port}/", "//example.com/", "http://127.0.0.1:1/",
                  "http://me@127.0.0.1:{port}/", "file:///etc/passwd"]
)  # fmt: skip
def test_the_next_page_is_never_on_another_host(interface: Any, read: Read, elsewhere: str) -> None:
    port = httpx.URL(interface.url).port
    interface.answer(200, {"rows": [event(1)], "next": elsewhere.format(port=port)})
    with pytest.raises(RefusedError, match="MR798"):
        read(paging=Paging("rows", "next"))
    assert len(interface.asked) == 1


def test_the_end_is_a_page_without_a_next_one(interface: Any, read: Read) -> None:
    for number, after in ((1, "a/b="), (2, "")):
        interface.answer(200, {"rows": [event(number)], "next": after})
    assert read(paging=Paging("rows", "next", "after")) == ["e1", "a/b=", "e2", None]
    assert [path for path, _ in interface.asked] == ["/events?kind=a", "/events?kind=a&after=a%2Fb%3D"]


def test_the_end_is_an_empty_page_that_names_a_cursor(interface: Any, read: Read) -> None:
    """An interface that only grows: the next reading goes on where this one ended."""
    paging = Paging("rows", "next", "after")
    interface.answer(200, {"rows": [event(1)], "next": 7})
    interface.answer(200, {"rows": [], "next": 7})
    assert read(paging=paging) == ["e1", "7"]
    assert read("7", paging) == []
    assert interface.asked[-1][0].endswith("after=7")


def test_a_page_that_leads_to_itself_is_the_last(interface: Any, read: Read) -> None:
    interface.answer(200, {"rows": [event(1)], "next": "x"})
    assert read(paging=Paging("rows", "next", "after")) == ["e1", "x", "e1", "x"]
    assert len(interface.asked) == 2


def test_rows_that_are_refused_are_named(interface: Any, read: Read) -> None:
    interface.answer(200, [event(1), {"user_id": 5}, 7])
    client = PageClient("a-token")
    (page,) = HttpPages(f"{interface.url}?kind=a", Reading(EVENT), Paging(), client).pages(None)
    client.close()
    assert [(each.line, each.reason, each.row) for each in page.refused] == [
        (2, "no event_type", '{"user_id":5}'),
        (3, "not a JSON object", "7"),
    ]
