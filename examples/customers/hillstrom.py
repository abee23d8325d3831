"""The experiment's own file: 64,000 customers of a 2008 mail-order shop, in its twelve columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv

SCHEMA = pa.schema(
    [
        ("recency", pa.int32()),  # months since the last purchase
        ("history_segment", pa.string()),
        ("history", pa.float64()),  # US dollars spent in the past year
        ("mens", pa.bool_()),
        ("womens", pa.bool_()),
        ("zip_code", pa.string()),  # the source spells one of them "Surburban"
        ("newbie", pa.bool_()),
        ("channel", pa.string()),
        ("segment", pa.string()),  # the arm of the experiment, not a segment of a campaign
        ("visit", pa.bool_()),
        ("conversion", pa.bool_()),
        ("spend", pa.float64()),
    ]
)


def read_hillstrom(path: Path) -> pa.Table:
    """The file as published, plain or gzipped, with honest types. Raises pyarrow.ArrowInvalid on anything else."""
    convert = pyarrow.csv.ConvertOptions(column_types=SCHEMA, true_values=["1"], false_values=["0"])
    table = pyarrow.csv.read_csv(path, convert_options=convert)
    return table.select(SCHEMA.names).cast(SCHEMA).combine_chunks()
