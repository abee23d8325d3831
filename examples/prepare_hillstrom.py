"""Make the audience of examples/spring_menswear from the file of the Hillstrom e-mail experiment.

    python -m examples.prepare_hillstrom hillstrom.csv [--into examples/spring_menswear]

Writes audience.parquet, suppression.csv and hillstrom.csv.gz, byte for byte the same each time with the locked pyarrow.
The CSV may be gzipped, so the folder's own copy serves.
"""

from __future__ import annotations

import argparse
import gzip
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from examples.customers.audience import SCHEMA, synthesise
from examples.customers.hillstrom import read_hillstrom
from examples.customers.suppression import write_suppression

FOLDER = Path(__file__).parent / "spring_menswear"
SEED = 2008
ROW_GROUP_ROWS = 16_384


def prepare(source: Path, folder: Path) -> pa.Table:
    """Write the three files into `folder` and return the audience."""
    published = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    experiment = read_hillstrom(source)
    rows = np.arange(experiment.num_rows, dtype=np.uint64)
    audience = pa.Table.from_batches([synthesise(experiment.to_batches()[0], rows, SEED)], schema=SCHEMA)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        audience, folder / "audience.parquet", compression="zstd", compression_level=19, row_group_size=ROW_GROUP_ROWS
    )
    write_suppression(folder / "suppression.csv", audience, SEED)
    (folder / "hillstrom.csv.gz").write_bytes(_gzip(published))
    return audience


def _gzip(content: bytes) -> bytes:
    """Without a name or a time in the header, so that the same content gives the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="hillstrom.csv or hillstrom.csv.gz")
    parser.add_argument("--into", type=Path, default=FOLDER)
    options = parser.parse_args()
    prepare(options.source, options.into)


if __name__ == "__main__":
    main()
