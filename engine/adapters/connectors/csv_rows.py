"""CSV as RFC 4180 has it, a block at a time into columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from engine.adapters.connectors.blocks import Block, blocks
from engine.adapters.connectors.rows import Rows, as_json
from engine.audience.connector import Refused
from engine.audience.incoming import Reading
from engine.errors import InputError


def read(chunks: Iterable[bytes], source: str, reading: Reading) -> Iterator[Rows]:
    """Rows below a line of column names. A row with other columns than these is refused; an empty line is none.

    Raises InputError (MR781, MR782, MR784, MR785).
    """
    names: list[str] = []
    for block in blocks(chunks, source, quoted=True):
        if not names:
            names, block = _header(block, source)
            reading.check(pa.schema([(name, pa.string()) for name in names]), source)
        if block.content:
            yield _rows(block, names, source, reading)


def _header(block: Block, source: str) -> tuple[list[str], Block]:
    """The column names, and the block without them."""
    end = block.content.find(b"\n") + 1 or len(block.content)
    while block.content.count(b'"', 0, end) % 2:
        end = block.content.find(b"\n", end) + 1 or len(block.content)
    try:
        (names,) = csv.reader(io.StringIO(block.content[:end].decode()))
    except (UnicodeDecodeError, ValueError, csv.Error):
        raise InputError.single(
            "MR785", f"{source} does not begin with a line of column names in UTF-8", help="save it as CSV in UTF-8"
        ) from None
    return [name.strip() for name in names], Block(block.line + block.content.count(b"\n", 0, end), block.content[end:])


def _rows(block: Block, names: Sequence[str], source: str, reading: Reading) -> Rows:
    broken: list[Any] = []

    def skip(row: Any) -> str:
        broken.append(row)
        return "skip"

    table = pacsv.read_csv(
        pa.BufferReader(block.content),
        read_options=pacsv.ReadOptions(use_threads=False, column_names=names, block_size=max(len(block.content), 1)),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip),
        convert_options=pacsv.ConvertOptions(
            check_utf8=False,
            column_types={name: pa.binary() for name in names},
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    batch = table.combine_chunks().to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], table.schema)
    incoming = reading.columns(batch)
    if not broken and not incoming.refused:
        return Rows(incoming.rows, [])
    lines, broken_lines = _lines(batch, broken, block.line)
    refused = [
        Refused(source, lines[each.row], each.reason, as_json(batch.slice(each.row, 1)))
        for each in incoming.refused
        if not _empty(batch, each.row)
    ]
    refused += [
        Refused(source, line, f"{row.actual_columns} columns where the header has {row.expected_columns}", row.text)
        for line, row in zip(broken_lines, broken, strict=True)
    ]
    return Rows(incoming.rows, sorted(refused, key=lambda each: each.line))


def _lines(batch: pa.RecordBatch, broken: Sequence[Any], first: int) -> tuple[list[int], list[int]]:
    """The line of each row of the batch, and of each that could not be read: rows above, and line breaks in them."""
    within = np.ones(batch.num_rows + len(broken), np.int64)
    is_broken = np.zeros(len(within), bool)
    is_broken[[row.number - 1 for row in broken]] = True
    within[is_broken] = [1 + row.text.count("\n") for row in broken]
    for column in batch.columns:
        within[~is_broken] += pc.fill_null(pc.count_substring(column, b"\n"), 0).to_numpy()
    starts = first + np.concatenate(([0], np.cumsum(within)[:-1])).astype(np.int64)
    return starts[~is_broken].tolist(), starts[is_broken].tolist()


def _empty(batch: pa.RecordBatch, row: int) -> bool:
    return not any(column[row].is_valid for column in batch.columns)
