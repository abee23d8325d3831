"""Masks over a batch."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from engine.conditions import ConditionSet
from engine.errors import CampaignError, InternalError

NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
BATCH = pa.RecordBatch.from_pydict(
    {
        "id": pa.array(["a", "b", "c", "d"]),
        "age": pa.array([17, 18, None, 2**63 - 1], pa.int64()),
        "small": pa.array([1, 2, None, -1], pa.int16()),
        "word": pa.array(["1", "x", None, "1.5"]),
        "seen": pa.array([NOW, NOW - timedelta(days=30), NOW - timedelta(days=31), None], pa.timestamp("us", "UTC")),
        "naive": pa.array([datetime(2026, 3, 2, 0, 30), datetime(2026, 3, 1), None, None], pa.timestamp("us")),
        "born": pa.array([date(2026, 3, 1), date(2026, 3, 2), None, date(1970, 1, 1)]),
        "flag": pa.array([True, False, None, True]),
        "kind": pa.array(["u", "v", None, "u"]).dictionary_encode(),
    }
)


def chosen(condition: str, timezone: str = "UTC", batch: pa.RecordBatch = BATCH) -> list[str]:
    masks = ConditionSet({"it": condition}, batch.schema, NOW, timezone).evaluate(batch)
    assert masks["it"].dtype == np.bool_
    return [name for name, is_chosen in zip(batch["id"].to_pylist(), masks["it"], strict=True) if is_chosen]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("age >= 18", "bd"),
        ("NOT age >= 18", "a"),
        ("age IS NULL", "c"),
        ("age > 5 OR age IS NULL", "abcd"),
        ("flag", "ad"),
        ("flag OR age = 18", "abd"),
        ("TRUE", "abcd"),
        ("FALSE", ""),
        ("1 = 1 AND now() IS NOT NULL", "abcd"),
        ("kind = 'u'", "ad"),
        ("seen >= now() - INTERVAL 30 DAY", "ab"),
        ("seen >= current_timestamp - INTERVAL 29 DAY", "a"),
        # what cannot be computed for a row leaves that row out, and no other
        ("age * 2 > 1", "ab"),
        ("small * 32767 > 1", "ab"),  # reckoned in 64 bits
        ("age + age = age + age", "ab"),  # also where it stands twice
        ("CAST(word AS INTEGER) = 1", "a"),
        ("word::double > 1", "d"),
        ("age // 0 = 1 OR age % 0 = 1", ""),
        ("CAST(word AS INTEGER) = 1 OR flag", "ad"),
    ],
)
def test_rows_are_chosen_if_the_condition_is_true(condition: str, expected: str) -> None:
    assert "".join(chosen(condition)) == expected


def test_dates_and_naive_times_are_those_of_the_timezone() -> None:
    assert chosen("born = current_date", "UTC") == ["a"]
    assert chosen("born = today()", "Europe/Berlin") == ["b"]
    assert chosen("naive > now()", "UTC") == ["a"]
    assert chosen("naive > now()", "Europe/Berlin") == []
    assert chosen("date_trunc('day', seen) = TIMESTAMPTZ '2026-03-02 00:00:00+01:00'", "Europe/Berlin") == ["a"]


def test_several_conditions_are_one_query_and_columns_are_pruned() -> None:
    conditions = ConditionSet(
        {"adult": "age >= 18", "flagged": "flag", "late": "seen < now()"}, BATCH.schema, NOW, "UTC"
    )
    assert conditions.columns == ("age", "seen", "flag")
    masks = conditions.evaluate(BATCH.select(["flag", "seen", "age"]))
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "adult": [False, True, False, True],
        "flagged": [True, False, False, True],
        "late": [False, True, True, False],
    }


def test_names_of_columns_are_only_names() -> None:
    names = ['a"b', "select", "c0", "recipients", "A"]
    batch = pa.RecordBatch.from_arrays([pa.array([number]) for number in range(5)], names=names)
    condition = """"a""b" = 0 AND "select" = 1 AND C0 = 2 AND recipients = 3 AND a = 4"""
    assert ConditionSet({"it": condition}, batch.schema, NOW, "UTC").evaluate(batch)["it"].tolist() == [True]


def test_struct_fields() -> None:
    homes = pa.array([{"city": "Ulm", "geo": {"lat": 48.4}}, {"city": None, "geo": None}, None])
    batch = pa.RecordBatch.from_pydict({"home": homes})
    masks = ConditionSet({"ulm": "home.city = 'Ulm'", "south": "home.geo.lat < 50"}, batch.schema, NOW, "UTC").evaluate(
        batch
    )
    assert masks["ulm"].tolist() == masks["south"].tolist() == [True, False, False]


def test_nothing_to_do() -> None:
    assert ConditionSet({}, BATCH.schema, NOW, "UTC").evaluate(BATCH) == {}
    assert ConditionSet({"it": "flag"}, BATCH.schema, NOW, "UTC").evaluate(BATCH.slice(0, 0))["it"].shape == (0,)


def test_a_set_travels_as_its_definition() -> None:
    conditions = ConditionSet({"it": "seen >= now() - INTERVAL 30 DAY"}, BATCH.schema, NOW, "UTC")
    expected = conditions.evaluate(BATCH)["it"].tolist()
    for _ in range(2):
        conditions = pickle.loads(pickle.dumps(conditions))
        assert conditions.evaluate(BATCH)["it"].tolist() == expected


def test_all_faults_of_a_set_come_together() -> None:
    with pytest.raises(CampaignError) as caught:
        ConditionSet({"a": "agee > 1", "b": "flag", "c": "age"}, BATCH.schema, NOW, "UTC")
    assert [each.code for each in caught.value.diagnostics] == ["MR201", "MR204"]


def test_a_batch_of_another_schema_is_refused() -> None:
    conditions = ConditionSet({"it": "age > 1"}, BATCH.schema, NOW, "UTC")
    for batch in (BATCH.select(["flag"]), pa.RecordBatch.from_pydict({"age": pa.array(["1"])})):
        with pytest.raises(InternalError) as caught:
            conditions.evaluate(batch)
        assert caught.value.diagnostics[0].code == "MR209"


def test_a_timezone_that_the_database_does_not_know() -> None:
    with pytest.raises(CampaignError) as caught:
        ConditionSet({"it": "flag"}, BATCH.schema, NOW, "Nowhere/Town")
    assert caught.value.diagnostics[0].code == "MR208"


def test_a_clock_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        ConditionSet({"it": "flag"}, BATCH.schema, datetime(2026, 3, 1), "UTC")
