"""Make an audience of any size with the distribution of the example's.

    python -m benchmarks.make_audience ROWS OUT.parquet [--seed 1]

Each row is a customer of the Hillstrom experiment, drawn with replacement, with a person of its own around it: the
example's schema, unique keys, the same shares of broken and duplicate addresses. Rows are made and written a row group
at a time, so memory stays flat; the same rows and seed give the same table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from examples.customers import hillstrom
from examples.customers.audience import SCHEMA, synthesise
from examples.customers.draws import Draws

EXAMPLE = Path(__file__).parent.parent / "examples" / "spring_menswear" / "audience.parquet"
ROW_GROUP_ROWS = 65_536


def batches(rows: int, seed: int) -> Iterator[pa.RecordBatch]:
    """The audience a row group at a time."""
    experiment = pq.read_table(EXAMPLE, columns=hillstrom.SCHEMA.names).combine_chunks().to_batches()[0]
    for start in range(0, rows, ROW_GROUP_ROWS):
        numbers = np.arange(start, min(start + ROW_GROUP_ROWS, rows), dtype=np.uint64)
        drawn = Draws(seed).below("experiment", numbers, experiment.num_rows)
        yield synthesise(experiment.take(pa.array(drawn)), numbers, seed)


def make_audience(rows: int, path: Path, seed: int = 1) -> None:
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for batch in batches(rows, seed):
            writer.write_batch(batch, row_group_size=ROW_GROUP_ROWS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("path", type=Path, metavar="OUT.parquet")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    make_audience(options.rows, options.path, options.seed)


if __name__ == "__main__":
    main()
