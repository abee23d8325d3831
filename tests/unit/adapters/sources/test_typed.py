"""Texts as what a campaign says that they are."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from engine.adapters.sources.typed import from_text
from engine.audience.columns import plain_type
from engine.conditions import arrow_type

LINES = "STRUCT(sku VARCHAR, price DOUBLE, tags VARCHAR[])[]"


@pytest.mark.parametrize(
    ("type", "texts", "values"),
    [
        ("INTEGER", ["1", None, "-2"], [1, None, -2]),
        ("BOOLEAN", ["true", "0"], [True, False]),
        ("DATE", ["2026-03-01"], [date(2026, 3, 1)]),
        ("VARCHAR[]", ['["a", null]', None, "[]", " null "], [["a", None], None, [], None]),
        (
            LINES,
            ['[{"sku": "é\\n", "price": 1, "tags": [], "more": {"x": 1}}]', '[{"price":\n2.5},\r\n{}]'],
            [
                [{"sku": "é\n", "price": 1.0, "tags": []}],
                [{"sku": None, "price": 2.5, "tags": None}, {"sku": None, "price": None, "tags": None}],
            ],
        ),
        (LINES, [], []),
    ],
)
def test_what_is_read(type: str, texts: list[str | None], values: list[Any]) -> None:
    kind = plain_type(arrow_type(type))
    found = from_text(pa.array(texts, pa.string()), kind)
    assert (found.type, found.to_pylist()) == (kind, values)


@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("INTEGER", "one"),
        ("SMALLINT", "40000"),
        ("VARCHAR[]", '["a"'),
        ("VARCHAR[]", "{}"),
        ("VARCHAR[]", ""),
        ("INTEGER[]", '["a"]'),
        ("INTEGER[]", "[1]} {\"it\": [2]"),
        ("INTEGER[]", "[3000000000]"),
    ],
)  # fmt: skip
def test_what_is_none(type: str, text: str) -> None:
    with pytest.raises(pa.ArrowInvalid):
        from_text(pa.array([text]), plain_type(arrow_type(type)))
