"""Customers and events from files: Parquet, CSV and JSON lines, the last two compressed or not."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from engine.adapters.connectors import csv_rows, json_lines, parquet_rows
from engine.adapters.connectors.rows import Rows
from engine.audience.connector import Page
from engine.audience.incoming import Reading
from engine.errors import InputError, MissingInputError, Place, UsageError

FORMATS: Mapping[str, tuple[str, ...]] = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv",),
    "jsonl": (".jsonl", ".ndjson"),
}
TEXT = {"csv": csv_rows.read, "jsonl": json_lines.read}
COMPRESSED = (".gz", ".zst", ".bz2", ".lz4")
CHUNK = 2 << 20  # octets that are read, and what is in them kept, together
SENSELESS = 10_000  # rows that are all refused: the file is another one than it is taken for


class FileConnector:
    """Files one after the other, each from its beginning: a file that is read again is harmless, so nothing is kept of where it was."""

    def __init__(self, patterns: Sequence[str], reading: Reading, format: str | None = None) -> None:
        """Raises MissingInputError (MR787) when nothing is there, UsageError (MR788) for a file of an unknown format."""
        self._paths = [path for pattern in patterns for path in _matches(pattern)]
        self._formats = [format or format_of(path) for path in self._paths]
        self._reading = reading
        self.name = ", ".join(patterns)

    def pages(self, cursor: str | None) -> Iterator[Page]:
        for path, format in zip(self._paths, self._formats, strict=True):
            for number, each in enumerate(read_file(path, format, self._reading)):
                yield Page(f"{path}#{number}", each.rows, each.refused, None)


def read_file(path: Path, format: str, reading: Reading) -> Iterator[Rows]:
    """The rows of one file. Raises InputError (MR781 to MR786), MissingInputError (MR787)."""
    if not path.is_file():
        raise MissingInputError.single("MR787", f"{path} is not there")
    if path.stat().st_size == 0:
        raise MissingInputError.single("MR787", f"{path} is empty")
    name = str(path)
    rows = parquet_rows.read(path, name, reading) if format == "parquet" else TEXT[format](_chunks(path), name, reading)
    good, refused = 0, 0
    for each in rows:
        good, refused = good + each.rows.num_rows, refused + len(each.refused)
        if good == 0 and refused >= SENSELESS:
            raise _senseless(path, each)
        yield each


def _senseless(path: Path, rows: Rows) -> InputError:
    first = rows.refused[0]
    return InputError.single(
        "MR789",
        f"of the first {SENSELESS:,} rows none can be taken: {first.reason}",
        place=Place(str(path), first.line),
        help="does the file hold what it is read as? `--column OURS=THEIRS` names its columns",
    )


def format_of(path: Path) -> str:
    """The format that a name tells. Raises UsageError (MR788)."""
    name = path.name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    for format, endings in FORMATS.items():
        if name.endswith(endings):
            return format
    if path.is_dir():
        raise UsageError.single(
            "MR788", f"`{path}` is a folder", help=f"`drop:{path}` reads the files in it, and moves them"
        )
    raise UsageError.single(
        "MR788",
        f"the format of `{path}` is not known by its name",
        help=f"--format {', '.join(FORMATS)}",
    )


def _matches(pattern: str) -> list[Path]:
    wild = any(mark in pattern for mark in "*?[")
    found = sorted(map(Path, glob.glob(pattern))) if wild else [Path(pattern)]  # noqa: PTH207  Path's takes no absolute one
    if not found:
        raise MissingInputError.single("MR787", f"no file matches `{pattern}`")
    return found


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except (pa.ArrowException, OSError) as fault:
        raise InputError.single("MR786", f"{path} cannot be read: {' '.join(str(fault).split())[:200]}") from fault
