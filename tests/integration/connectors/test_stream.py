"""A stream that comes in as it likes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from engine.adapters.connectors import StreamConnector
from engine.audience.connector import Page
from engine.audience.incoming import EVENT, Reading
from engine.errors import UsageError

Pipe = tuple[int, int]


def line(number: int) -> bytes:
    at = "2026-03-02T10:00:00Z"
    return (
        json.dumps({"event_id": f"e{number}", "user_id": "u", "event_type": "ordered", "event_time": at}).encode()
        + b"\n"
    )


def ids(page: Page) -> list[str]:
    return [str(each) for each in page.rows.column("event_id").to_pylist()]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def test_what_has_come_in_is_given_though_the_stream_goes_on(pipe: Pipe) -> None:
    reading, writing = pipe
    pages = StreamConnector(reading, Reading(EVENT), "jsonl").pages(None)
    os.write(writing, line(1) + line(2) + line(3)[:9])
    assert ids(next(pages)) == ["e1", "e2"]
    os.write(writing, line(3)[9:] + line(4).strip())
    os.close(writing)
    assert [ids(page) for page in pages] == [["e3"], ["e4"]]  # the last line has no end but the stream's


def test_a_header_comes_once(pipe: Pipe) -> None:
    reading, writing = pipe
    pages = StreamConnector(reading, Reading(EVENT), "csv").pages(None)
    os.write(writing, b"event_id,user_id,event_type,event_time\ne1,u,ordered,2026-03-02T10:00:00Z\n")
    assert ids(next(pages)) == ["e1"]
    os.write(writing, b'e2,u,"a\nb",2026-03-02T10:00:00Z\n,u,ordered,soon\n')
    os.close(writing)
    (page,) = pages
    assert ids(page) == ["e2"]
    assert [(each.line, each.source) for each in page.refused] == [(5, "standard input")]


def test_an_empty_stream(pipe: Pipe) -> None:
    reading, writing = pipe
    os.close(writing)
    assert list(StreamConnector(reading, Reading(EVENT), "csv").pages(None)) == []


@pytest.mark.parametrize("format", [None, "parquet", "xml"])
def test_formats_that_are_no_stream(pipe: Pipe, format: str | None) -> None:
    os.close(pipe[1])
    with pytest.raises(UsageError, match="MR788"):
        StreamConnector(pipe[0], Reading(EVENT), format)
