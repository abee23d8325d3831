"""Ours, the constants given as columns' values would be: nothing is folded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from benchmarks.measure import BATCHES, ROWS_TOGETHER, Subject
from benchmarks.template import CONSTANTS, PARTS, SOURCES
from engine.templates import PartsProgram, Rendered, compile_parts, gather

BLOCK = 256


def blocks(rendered: Rendered) -> Iterator[tuple[pa.StringArray, ...]]:
    """The messages as a delivery worker takes them: some hundred at a time, their texts made and let go."""
    pool = rendered.pool.array()
    length = len(rendered.ropes["html"])
    for start in range(0, length, BLOCK):
        texts = []
        for part in SOURCES:
            rope = rendered.ropes[part]
            offsets = rope.offsets[start : start + BLOCK + 1]
            texts.append(gather(pool, rope.ids[offsets[0] : offsets[-1]], offsets - offsets[0]))
        yield tuple(texts)


def of_program(name: str, program: PartsProgram, batch: pa.RecordBatch) -> Subject:
    """A batch takes other rows than the one before: what a program remembers of values must not be of use for what never recurs."""
    batches = itertools.cycle([batch.slice(start, ROWS_TOGETHER) for start in range(0, len(batch), ROWS_TOGETHER)])

    def run() -> int:
        chosen = itertools.islice(batches, BATCHES)
        return sum(len(texts[0]) for rows in chosen for texts in blocks(program.render(rows)))

    def first(count: int) -> list[tuple[str, ...]]:
        made = blocks(program.render(batch.slice(0, count)))
        return [row for texts in made for row in zip(*(text.to_pylist() for text in texts), strict=True)]

    return Subject(name, BATCHES * min(len(batch), ROWS_TOGETHER), run, first)


def with_constant_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    for name, value in CONSTANTS.items():
        scalar = pa.scalar(value)
        batch = batch.append_column(name, pa.array([value], scalar.type).take(pa.array(np.zeros(len(batch), np.int32))))
    return batch


def subject(batch: pa.RecordBatch) -> Subject:
    return of_program("Mailray, nothing folded", compile_parts(PARTS), with_constant_columns(batch))
