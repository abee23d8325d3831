"""The example's message by Jinja2 in its sandbox, as its tests render it."""

from __future__ import annotations

import pyarrow as pa

from benchmarks.example import CONSTANTS, PARTS, environment
from benchmarks.measure import ROWS_ALONE, Subject


def subject(batch: pa.RecordBatch) -> Subject:
    rows = batch.slice(0, ROWS_ALONE).to_pylist()
    templates = [environment(part.autoescape).from_string(part.source) for part in PARTS.values()]

    def first(count: int) -> list[tuple[str, ...]]:
        return [tuple(template.render(CONSTANTS, **row) for template in templates) for row in rows[:count]]

    return Subject("Jinja2 in its sandbox, a loop over rows", len(rows), lambda: first(len(rows)), first)
