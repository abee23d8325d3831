"""What every connector gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from engine.audience.connector import Page
from engine.audience.incoming import EVENT, USER, Reading
from engine.audience.store import EVENTS

Source = Callable[..., Any]


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "user_id": f"u{number % 3}",
        "event_type": "ordered",
        "event_time": f"2026-03-02T10:00:{number:02}Z",
        "note": f'a "quoted", note\nof two lines {number}',
        **more,
    }


PARTS = [[event(1), event(2)], [event(3, user_id=None), event(4, event_time="soon"), event(5)], [event(6)]]


def ids(pages: Sequence[Page]) -> list[str]:
    return [str(each) for page in pages for each in page.rows.column("event_id").to_pylist()]


def test_all_good_rows_in_their_order(source: Source) -> None:
    with source(PARTS, Reading(EVENT)) as opened:
        pages = list(opened().pages(None))
    assert ids(pages) == ["e1", "e2", "e5", "e6"]
    assert {page.rows.schema for page in pages} == {EVENTS}
    rows = pa.Table.from_batches([page.rows for page in pages]).to_pylist()
    assert rows[0]["properties"] == '{"note":"a \\"quoted\\", note\\nof two lines 1"}'
    assert rows[0]["event_time"].isoformat() == "2026-03-02T10:00:01+00:00"


def test_no_row_goes_missing(source: Source, kind: str) -> None:
    with source(PARTS, Reading(EVENT)) as opened:
        refused = [each for page in opened().pages(None) for each in page.refused]
    assert [each.reason for each in refused] == ["no user_id", "event_time `soon` is no instant of ISO 8601"]
    lines = {"files_csv": [2, 4], "stream": [3, 4]}  # below a header of one line, and below the first part
    assert [each.line for each in refused] == lines.get(kind, [1, 2])
    assert ["e3" in each.row for each in refused] == [True, False]
    assert all(each.source for each in refused)


def test_a_page_has_a_name_of_its_own_and_keeps_it(source: Source) -> None:
    with source(PARTS, Reading(EVENT)) as opened:
        pages = opened().pages(None)
        first = next(pages)
        pages.close()
        names = [page.name for page in opened().pages(None)]
    assert names[0] == first.name
    assert len({*names}) == len(names)


def test_whoever_keeps_the_cursor_goes_on_behind_the_page(source: Source, resumed: bool) -> None:
    with source(PARTS, Reading(EVENT)) as opened:
        kept, cursor = [], None
        for _ in range(9):  # a reader that dies behind each page
            pages = opened().pages(cursor)
            page = next(pages, None)
            pages.close()
            if page is None:
                break
            kept.append(page)
            cursor = page.cursor
            if cursor is None:
                break
        assert ids(kept) == (["e1", "e2", "e5", "e6"] if resumed else ids(kept[:1]))


def test_a_page_that_was_not_kept_comes_again(source: Source) -> None:
    with source(PARTS, Reading(EVENT)) as opened:
        pages = opened().pages(None)
        first = next(pages)
        pages.close()
        assert ids(list(opened().pages(None)))[: len(ids([first]))] == ids([first])


def test_customers(source: Source) -> None:
    rows = [{"user_id": "u1", "email": "ann@example.com", "tier": "gold"}, {"user_id": "", "email": "x", "tier": "y"}]
    with source([rows], Reading(USER)) as opened:
        (page,) = opened().pages(None)
    (row,) = page.rows.to_pylist()
    assert (row["user_id"], row["email"], row["attributes"]) == ("u1", "ann@example.com", '{"tier":"gold"}')
    assert [each.reason for each in page.refused] == ["no user_id"]
    assert "version" not in page.rows.schema.names


def test_the_name_holds_no_secret(source: Source) -> None:
    with source([[event(1)]], Reading(EVENT)) as opened:
        name = opened().name
    assert name
    assert "kind=a" not in name
    assert "token" not in name
