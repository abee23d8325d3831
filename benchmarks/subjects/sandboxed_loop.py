"""The same loop in Jinja2's immutable sandbox."""

from __future__ import annotations

import pyarrow as pa
from jinja2.sandbox import ImmutableSandboxedEnvironment

from benchmarks.measure import Subject
from benchmarks.subjects.jinja_loop import loop


def subject(batch: pa.RecordBatch) -> Subject:
    return loop(
        "Jinja2 in its sandbox, a loop", lambda escaped: ImmutableSandboxedEnvironment(autoescape=escaped), batch
    )
