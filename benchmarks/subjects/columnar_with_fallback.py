"""Ours with one expression in the HTML part that no kernel computes: Python evaluates it for each distinct value, and each row's is one."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from benchmarks.measure import Subject
from benchmarks.subjects.columnar import of_program
from benchmarks.template import CONSTANTS, PARTS
from engine.templates import compile_parts

EXPRESSION = "{{ user.email.casefold() }}"


def subject(batch: pa.RecordBatch) -> Subject:
    html = replace(PARTS["html"], source=PARTS["html"].source.replace("{{ user.email }}", EXPRESSION))
    program = compile_parts({**PARTS, "html": html}, constants=CONSTANTS)
    return of_program("Mailray, one expression not vectorised", program, batch)
