"""The example's message by its program."""

from __future__ import annotations

import pyarrow as pa

from benchmarks.example import CONSTANTS, PARTS, environment
from benchmarks.measure import Subject
from benchmarks.subjects.columnar import of_program
from engine.templates import compile_parts


def subject(batch: pa.RecordBatch) -> Subject:
    return of_program(
        "Mailray, constants folded", compile_parts(PARTS, constants=CONSTANTS, environment=environment), batch
    )
