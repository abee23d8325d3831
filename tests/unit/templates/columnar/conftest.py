"""Rendering by columns, and by Jinja2 row by row, in one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jinja2
import pyarrow as pa
import pytest

from engine.templates import Program, compile_template

Outcome = str | type[Exception]


def by_jinja(
    environment: jinja2.Environment, source: str, batch: pa.RecordBatch, constants: Mapping[str, Any]
) -> list[Outcome]:
    template = environment.from_string(source)
    found: list[Outcome] = []
    for row in batch.to_pylist():
        try:
            found.append(template.render({**row, **constants}))
        except Exception as error:
            found.append(type(error))
    return found


def by_columns(program: Program, batch: pa.RecordBatch) -> list[Outcome]:
    rendering = program.render(batch)
    return [
        type(rendering.errors[row]) if row in rendering.errors else text
        for row, text in enumerate(rendering.text.to_pylist())
    ]


@pytest.fixture
def same() -> Callable[..., Program]:
    """Check that both give the same, without a batch that had to be given up; returns the program."""

    def check(
        source: str,
        batch: pa.RecordBatch,
        environment: jinja2.Environment | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> Program:
        chosen = environment or jinja2.Environment()
        program = compile_template(source, environment=chosen, constants=constants)
        assert by_columns(program, batch) == by_jinja(chosen, source, batch, constants or {})
        assert list(program.parts.compiled.faults) == []
        return program

    return check
