"""Ours as a campaign runs it: its constants folded into the program."""

from __future__ import annotations

import pyarrow as pa

from benchmarks.measure import Subject
from benchmarks.subjects.columnar import of_program
from benchmarks.template import CONSTANTS, PARTS
from engine.templates import compile_parts


def subject(batch: pa.RecordBatch) -> Subject:
    return of_program("Mailray, constants folded", compile_parts(PARTS, constants=CONSTANTS), batch)
