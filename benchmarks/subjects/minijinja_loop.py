"""minijinja, a Jinja in Rust. Its dialect wants two changes in the template, and it escapes otherwise: its bytes are not Jinja2's."""

from __future__ import annotations

import minijinja
import pyarrow as pa

from benchmarks.measure import ROWS_ALONE, Subject
from benchmarks.template import CONSTANTS, ESCAPED, SOURCES


def _in_its_dialect(source: str) -> str:
    source = source.replace("truncate(40)", "truncate(length=40)")
    return source.replace("'%.2f'|format(item.price * item.qty)", "(item.price * item.qty)|round(2)").replace(
        "'%.2f'|format(user.points * 0.01)", "(user.points * 0.01)|round(2)"
    )


def subject(batch: pa.RecordBatch) -> Subject:
    environment = minijinja.Environment(
        templates={part: _in_its_dialect(source) for part, source in SOURCES.items()},
        filters={"truncate": lambda text, length: text if len(text) <= length + 5 else text[: length - 3] + "..."},
        auto_escape_callback=lambda part: ESCAPED[part],
    )
    rows = [{**CONSTANTS, **row} for row in batch.slice(0, ROWS_ALONE).to_pylist()]

    def run() -> None:
        for row in rows:
            for part in SOURCES:
                environment.render_template(part, **row)

    return Subject("minijinja, a loop (not the same bytes)", len(rows), run)
