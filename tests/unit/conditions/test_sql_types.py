"""SQL types by their names."""

from __future__ import annotations

import pyarrow as pa
import pytest

from engine.conditions import arrow_type


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("integer", pa.int32()),
        ("DECIMAL(10, 2)", pa.decimal128(10, 2)),
        ("TIMESTAMPTZ", pa.timestamp("us", "UTC")),
        ("TEXT", pa.string()),
    ],
)
def test_a_name_is_a_type(text: str, kind: pa.DataType) -> None:
    assert arrow_type(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        *("", "INTEGR", "INTEGER; DROP TABLE x", "INTEGER) , (1", "(", "INTEGER AS x", "MAP(VARCHAR, INTEGER)", "INTERVAL"),
        *("BLOB", "DATE -- x", "STRUCT(a INTERVAL)", "TIME[]"),
    ],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="type"):
        arrow_type(text)
