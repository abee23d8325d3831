"""CSV as people's programs write it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.adapters.connectors import csv_rows
from engine.audience.connector import Refused
from engine.audience.incoming import EVENT, Reading
from engine.errors import InputError

HEADER = b"event_id,user_id,event_type,event_time,note\n"
AT = b"2026-03-02T10:00:00Z"


def read(text: bytes) -> tuple[list[dict[str, Any]], list[Refused]]:
    found = list(csv_rows.read([text], "a.csv", Reading(EVENT)))
    return [row for each in found for row in each.rows.to_pylist()], [row for each in found for row in each.refused]


def test_quotes_and_line_breaks_in_values_and_empty_lines() -> None:
    text = HEADER + b'1,u,ordered,%b,"a ""b"",\nc"\n\n2,u,ordered,%b,\n  \n3,u,ordered,%b,""\r\n' % (AT, AT, AT)
    rows, refused = read(text)
    assert [(each["event_id"], each["properties"]) for each in rows] == [
        ("1", '{"note":"a \\"b\\",\\nc"}'),
        ("2", None),
        ("3", None),
    ]
    assert [(each.line, each.reason) for each in refused] == [(6, "1 columns where the header has 5")]


def test_each_bad_row_is_named_by_its_line() -> None:
    text = HEADER + b"".join(
        [
            b'1,u,ordered,%b,"\n\n"\n' % AT,  # lines 2 to 4
            b"2,u,ordered\n",  # 5
            b"3,,ordered,%b,x\n" % AT,  # 6
            b'4,u,ordered,%b,x,"y\nz"\n' % AT,  # 7 and 8
            b"5,u,ordered,%b,\xff\n" % AT,  # 9
            b"6,u,ordered,yesterday,x\n",  # 10
            b"7,u,ordered,%b,x" % AT,
        ]
    )
    rows, refused = read(text)
    assert [each["event_id"] for each in rows] == ["1", "7"]
    assert [(each.line, each.reason) for each in refused] == [
        (5, "3 columns where the header has 5"),
        (6, "no user_id"),
        (7, "6 columns where the header has 5"),
        (9, "note is not UTF-8"),
        (10, "event_time `yesterday` is no instant of ISO 8601"),
    ]
    assert refused[0].row == "2,u,ordered"
    assert '"event_id":"3"' in refused[1].row


def test_a_header_alone() -> None:
    assert read(HEADER) == read(HEADER.strip()) == ([], [])


def test_a_header_with_marks_quotes_and_blanks() -> None:
    rows, refused = read(
        b'\xef\xbb\xbf"event_id", user_id ,event_type,"event_time","a\nb"\r\n1,u,ordered,%b,x\r\n,,,,\r\n' % AT
    )
    assert [each["properties"] for each in rows] == ['{"a\\nb":"x"}']
    assert refused == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"event_id;user_id;event_type;event_time\n", "MR781"),
        (b"event_id,user_id,event_type,event_time,a,a\n", "MR782"),
        (b"\xff\xfee\x00v\x00\n", "MR785"),
        (b"\n" + HEADER, "MR781"),
    ],
)
def test_a_header_that_is_none(text: bytes, code: str) -> None:
    with pytest.raises(InputError) as fault:
        read(text)
    assert fault.value.diagnostics[0].code == code
