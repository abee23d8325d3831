"""Ours with one expression in the HTML part that is not vectorised, so that Jinja2 evaluates it for the rows that read it."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from benchmarks.measure import ROWS_TOGETHER, Subject
from benchmarks.subjects.columnar import of_program
from benchmarks.template import CONSTANTS, PARTS
from engine.templates import compile_parts

EXPRESSION = "{{ '{:>12}'.format(user.email) }}"


def subject(batch: pa.RecordBatch) -> Subject:
    html = replace(PARTS["html"], source=PARTS["html"].source.replace("{{ user.email }}", EXPRESSION))
    program = compile_parts({**PARTS, "html": html}, constants=CONSTANTS)
    assert program.fallbacks, f"{EXPRESSION} is vectorised: choose another"
    return of_program("Mailray, one expression not vectorised", program, batch.slice(0, ROWS_TOGETHER))
