"""The cases that broke naive columnar kernels, each by name: all rows, all modes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pyarrow as pa
import pytest
from differential.audience import POOLS, SCHEMA
from differential.oracle import assert_same, outcomes, rendered
from differential.sections import sections
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.templates import compile_template

SMALL = Path(__file__).with_name("small.txt").read_text("utf-8").splitlines()
PITFALLS = {**sections(Path(__file__).with_name("pitfalls.txt")), "trailing newline": "x {{ s }}\n"}
MODES = {
    "plain": {},
    "escaped": {"autoescape": True},
    "strict": {"undefined": jinja2.StrictUndefined, "autoescape": True},
    "chainable": {"undefined": jinja2.ChainableUndefined},
    "debugging": {"undefined": jinja2.DebugUndefined},
    "trimmed": {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True},
}


@pytest.fixture(scope="module")
def hostile() -> pa.RecordBatch:
    """Every hostile value of every column, in columns that run out of step with one another."""
    columns = [
        [pool[(row * (3 + 2 * place) + place) % len(pool)] for row in range(230)]
        for place, pool in enumerate(POOLS.values())
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def environment(mode: str) -> jinja2.Environment:
    options: dict[str, Any] = MODES[mode]
    return ImmutableSandboxedEnvironment(**options)


@pytest.mark.parametrize("mode", ["plain", "escaped"])
@pytest.mark.parametrize("source", SMALL)
def test_small_templates(source: str, mode: str, hostile: pa.RecordBatch) -> None:
    check(source, mode, hostile)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pitfall", PITFALLS)
def test_pitfalls(pitfall: str, mode: str, hostile: pa.RecordBatch) -> None:
    check(PITFALLS[pitfall], mode, hostile)


def check(source: str, mode: str, hostile: pa.RecordBatch) -> None:
    wanted = outcomes(environment(mode).from_string(source), hostile.to_pylist())
    program = compile_template(source, environment=environment(mode))
    assert_same(rendered(program, hostile), wanted, hostile, source)
