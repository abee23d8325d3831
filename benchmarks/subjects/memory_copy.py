"""The floor: the same bytes copied once in memory, past every cache."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from benchmarks.measure import ROWS_TOGETHER, Subject
from benchmarks.subjects.columnar import blocks
from benchmarks.template import CONSTANTS, PARTS
from engine.templates import compile_parts


def subject(batch: pa.RecordBatch) -> Subject:
    batch = batch.slice(0, ROWS_TOGETHER)
    rendered = compile_parts(PARTS, constants=CONSTANTS).render(batch)
    size = sum(text.buffers()[2].size for texts in blocks(rendered) for text in texts)
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    return Subject("the same bytes copied in memory", len(batch), lambda: np.copyto(target, source))
