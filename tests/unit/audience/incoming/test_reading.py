"""From a stranger's rows to the store's columns."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from engine.audience.incoming import EVENT, USER, Reading
from engine.audience.store import EVENTS
from engine.errors import InputError

GOOD = {"event_id": "e1", "user_id": "u1", "event_type": "opened", "event_time": "2026-03-02T10:00:00Z"}


def of_columns(rows: list[dict[str, Any]], **given: Any) -> Any:
    batch = pa.RecordBatch.from_pylist(rows)
    reading = Reading(EVENT, **given)
    reading.check(batch.schema, "a file")
    return reading.columns(batch)


def test_columns_and_objects_give_the_same_rows() -> None:
    rows = [GOOD | {"campaign_id": "spring", "sku": "a", "note": 'ä " \\ \n'}, GOOD | {"event_id": "e2", "sku": "b"}]
    by_columns, by_objects = of_columns(rows).rows, Reading(EVENT).objects(rows).rows
    assert by_columns.equals(by_objects)
    assert by_columns.schema == EVENTS
    assert by_columns.column("properties").to_pylist() == [
        '{"note":"ä \\" \\\\ \\n","sku":"a"}',
        '{"sku":"b"}',
    ]


def test_what_has_no_column_of_its_own_becomes_a_property() -> None:
    more = {
        "whole": 5,
        "part": 1.5,
        "yes": True,
        "day": date(2026, 3, 2),
        "at": datetime(2026, 3, 2, 10, tzinfo=UTC),
        "price": Decimal("1.50"),
        "list": [1, 2],
        "group": {"a": None, "b": "x"},
        "nothing": None,
        "nan": float("nan"),
    }
    (told,) = of_columns([GOOD | more]).rows.column("properties").to_pylist()
    assert json.loads(told) == {
        "whole": 5, "part": 1.5, "yes": True, "day": "2026-03-02", "at": "2026-03-02T10:00:00Z", "price": "1.50",
        "list": [1, 2], "group": {"a": None, "b": "x"},
    }  # fmt: skip


def test_properties_that_are_given_are_joined_with_the_rest() -> None:
    rows = [GOOD | {"properties": '{"b": 1, "a": {"y": 1, "x": 2}}', "b": 2}]
    assert of_columns(rows).rows.column("properties").to_pylist() == ['{"a":{"x":2,"y":1},"b":2}']
    given = GOOD | {"properties": {"b": 1, "a": {"y": 1, "x": 2}}, "b": 2}
    assert Reading(EVENT).objects([given]).rows.column("properties").to_pylist() == ['{"a":{"x":2,"y":1},"b":2}']


@pytest.mark.parametrize("given", ["[1]", "{", "1", "text", '{"a": NaN}'])
def test_properties_that_are_none(given: str) -> None:
    read = of_columns([GOOD | {"properties": given}])
    assert (read.rows.num_rows, [each.reason for each in read.refused]) == (0, ["properties is no JSON object"])


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-02T10:00:00Z", "2026-03-02T10:00:00+00:00"),
        ("2026-03-02 10:00:00+01:00", "2026-03-02T09:00:00+00:00"),
        ("2026-03-02T10:00+0130", "2026-03-02T08:30:00+00:00"),
        ("2026-03-02T10:00-05", "2026-03-02T15:00:00+00:00"),
        ("2026-03-02T10:00:00.123456789z", "2026-03-02T10:00:00.123456+00:00"),
    ],
)
@pytest.mark.parametrize("beside", [[], ["2026-02-30T10:00:00Z"]])  # a day that does not exist takes another way
def test_instants(text: str, instant: str, beside: list[str]) -> None:
    read = Reading(EVENT).objects([GOOD | {"event_time": each} for each in [text, *beside]])
    assert [each.isoformat() for each in read.rows.column("event_time").to_pylist()] == [instant]
    assert len(read.refused) == len(beside)


@pytest.mark.parametrize(
    "text",
    ["", " ", "now", "2026-03-02", "02.03.2026 10:00", "2026-02-29T10:00:00Z", "2026-03-02T24:00:00Z", "2026-03-02T10:00:60Z",
     "1699-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2026-03-02T10:00:00+24:00", "1772442000", "2026-03-02T10:00:00Zz"],
)  # fmt: skip
def test_what_is_no_instant(text: str) -> None:
    read = Reading(EVENT).objects([GOOD | {"event_time": text}])
    assert (read.rows.num_rows, len(read.refused)) == (0, 1)
    assert "event_time" in read.refused[0].reason


def test_a_local_time_needs_a_zone() -> None:
    naive = GOOD | {"event_time": "2026-07-02T10:00:00"}
    assert "has no offset" in Reading(EVENT).objects([naive]).refused[0].reason
    berlin = Reading(EVENT, zone="Europe/Berlin")
    autumn_and_spring = [GOOD | {"event_time": each} for each in ("2026-10-25T02:30:00", "2026-03-29T02:30:00")]
    times = berlin.objects([naive, *autumn_and_spring, GOOD]).rows.column("event_time").to_pylist()
    assert [each.isoformat() for each in times] == [
        "2026-07-02T08:00:00+00:00",
        "2026-10-25T00:30:00+00:00",  # the earlier of two
        "2026-03-29T01:00:00+00:00",  # the first that exists
        "2026-03-02T10:00:00+00:00",
    ]


def test_timestamps_without_a_zone_are_refused_as_a_column() -> None:
    row = GOOD | {"event_time": datetime(2026, 7, 2, 10)}
    with pytest.raises(InputError) as fault:
        of_columns([row])
    assert [each.code for each in fault.value.diagnostics] == ["MR783"]
    (placed,) = of_columns([row], zone="Europe/Berlin").rows.column("event_time").to_pylist()
    assert placed.isoformat() == "2026-07-02T08:00:00+00:00"


def test_numbers_are_good_keys_and_floats_are_not() -> None:
    assert of_columns([GOOD | {"user_id": 7}]).rows.column("user_id").to_pylist() == ["7"]
    with pytest.raises(InputError) as fault:
        of_columns([GOOD | {"user_id": 7.0}])
    assert [each.code for each in fault.value.diagnostics] == ["MR782"]


def test_all_faults_of_a_header_are_told_at_once() -> None:
    schema = pa.schema([("usr_id", pa.string()), ("event_type", pa.duration("s")), ("x", pa.duration("s"))])
    with pytest.raises(InputError) as fault:
        Reading(EVENT).check(schema, "a file")
    assert [each.code for each in fault.value.diagnostics] == ["MR781", "MR781", "MR782", "MR782"]
    assert "did you mean `usr_id`?" in str(fault.value.diagnostics[0].help)
    twice = pa.schema([(name, pa.string()) for name in ("user_id", "event_type", "event_time", "x", "x")])
    with pytest.raises(InputError, match="twice"):
        Reading(EVENT).check(twice, "a file")


def test_their_names_for_our_columns() -> None:
    row = {"id": "e1", "who": "u1", "event_type": "opened", "at": GOOD["event_time"], "user_id": "theirs"}
    names = {"event_id": "id", "user_id": "who", "event_time": "at"}
    for read in (of_columns([row], names=names), Reading(EVENT, names).objects([row])):
        assert read.rows.column("user_id").to_pylist() == ["u1"]
        assert read.rows.column("properties").to_pylist() == ['{"user_id":"theirs"}']


def test_bytes_are_text_when_they_are_utf8() -> None:
    rows = [{name: value.encode() for name, value in GOOD.items()} | {"note": note} for note in (b"\xc3\xa4", b"\xe4")]
    read = of_columns(rows)
    assert read.rows.column("properties").to_pylist() == ['{"note":"ä"}']
    assert [(each.row, each.reason) for each in read.refused] == [(1, "note is not UTF-8")]


def test_an_identity_is_made_of_the_content() -> None:
    nameless = {name: value for name, value in GOOD.items() if name != "event_id"}
    ids = [
        Reading(EVENT).objects([row]).rows.column("event_id")[0].as_py()
        for row in (nameless, nameless | {"event_id": " "}, nameless | {"event_time": "2026-03-02T11:00:00+01:00"},
                    nameless | {"user_id": "u2"}, nameless | {"a": 1})
    ]  # fmt: skip
    assert ids[0] == ids[1] == ids[2]
    assert len({*ids}) == 3
    assert of_columns([nameless]).rows.column("event_id").to_pylist() == ids[:1]


def test_an_escaped_backslash_is_no_nul() -> None:
    read = Reading(EVENT).objects([GOOD | {"path": "c:\\u0000"}, GOOD | {"path": "a\0"}, GOOD | {"a\0": 1}])
    assert [each.row for each in read.refused] == [1, 2]


def test_customers_keep_what_a_file_does_not_speak_of() -> None:
    batch = pa.RecordBatch.from_pylist([{"user_id": 1, "last_activity": "2026-03-02T10:00:00Z"}])
    assert Reading(USER).columns(batch).rows.schema.names == ["user_id", "last_activity"]
    whole = Reading(USER).objects([{"user_id": 1, "email": "ann@example.com", "tier": "gold"}]).rows
    assert whole.schema.names == USER.schema.names
    assert whole.column("attributes").to_pylist() == ['{"tier":"gold"}']


def test_numbers_that_no_double_holds() -> None:
    digits = "9" * 400
    objects = [GOOD | {"n": int(digits)}, GOOD | {"n": digits}, GOOD | {"n": 10**300}]
    read = Reading(EVENT).objects(objects)
    assert [(each.row, each.reason) for each in read.refused] == [(0, "properties holds a number that is too large")]
