"""Jinja2 as it is used everywhere: compiled templates, a dict a recipient, one call a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
from jinja2 import Environment

from benchmarks.measure import ROWS_ALONE, Subject
from benchmarks.template import CONSTANTS, ESCAPED, SOURCES, plain_environment

Row: TypeAlias = dict[str, Any]


def renderer(environment: Callable[[bool], Environment]) -> Callable[[Row], tuple[str, ...]]:
    """From a row to its subject, text and HTML."""
    templates = [environment(ESCAPED[part]).from_string(source) for part, source in SOURCES.items()]
    return lambda row: tuple(template.render(CONSTANTS, **row) for template in templates)


def loop(name: str, environment: Callable[[bool], Environment], batch: pa.RecordBatch) -> Subject:
    """Rows are dicts already: their making is not counted."""
    rows = batch.slice(0, ROWS_ALONE).to_pylist()
    render = renderer(environment)

    def first(count: int) -> list[tuple[str, ...]]:
        return [render(row) for row in rows[:count]]

    return Subject(name, len(rows), lambda: first(len(rows)), first)


def subject(batch: pa.RecordBatch) -> Subject:
    return loop("Jinja2, a loop over rows", plain_environment, batch)
