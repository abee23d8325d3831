"""What rendering costs beside its time: the compilation, and the memory that stays after many batches."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psutil
import pyarrow as pa

from benchmarks.audience import audience
from benchmarks.measure import ROWS_TOGETHER
from benchmarks.subjects.columnar import blocks
from benchmarks.template import CONSTANTS, PARTS
from engine.templates import compile_parts

BATCHES = 1_000
ROWS = 512
SETTLED = 100


def compile_milliseconds(rounds: int) -> float:
    """CPU time to compile the message's three parts with their constants; the median."""
    return statistics.median(_one_compilation() for _ in range(rounds))


def _one_compilation() -> float:
    start = time.process_time()
    compile_parts(PARTS, constants=CONSTANTS)
    return (time.process_time() - start) * 1e3


def growth() -> tuple[float, float]:
    """Megabytes of resident memory gained from the 100th to the 1,000th batch, each of other rows, and the highest seen.

    In a process of its own, which holds nothing else.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        return processes.submit(_growth).result()


def _growth() -> tuple[float, float]:
    pa.set_cpu_count(1)
    batch = audience(ROWS_TOGETHER)
    program, process = compile_parts(PARTS, constants=CONSTANTS), psutil.Process()
    settled = highest = 0.0
    for number in range(BATCHES):
        start = number * ROWS % (len(batch) - ROWS)
        for _ in blocks(program.render(batch.slice(start, ROWS))):
            pass
        resident = process.memory_info().rss / 2**20
        highest = max(highest, resident)
        settled = resident if number < SETTLED else settled
    return resident - settled, highest
