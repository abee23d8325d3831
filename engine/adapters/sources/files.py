"""Recipients from files: Parquet, CSV and Arrow IPC; local paths, globs and URLs of pyarrow's filesystems (``s3://``, ``gs://``, ...)."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from engine.adapters.sources.kind import SourceKind
from engine.audience.partitions import BLOCK_ROWS
from engine.audience.source import Source
from engine.conditions import Pushdown, split
from engine.errors import InputError, MissingInputError, UsageError

FORMATS: Mapping[str, tuple[str, ...]] = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv", ".csv.gz", ".csv.zst"),
    "arrow": (".arrow", ".feather", ".ipc"),
}
_WILD = ("*", "?", "[")


class FileSource:
    """A dataset of files of one format and one schema, read file after file in the order of their names."""

    def __init__(self, name: str, dataset: ds.Dataset) -> None:
        self.name = name
        self._dataset = dataset
        self.schema: pa.Schema = dataset.schema

    def pushdown(self, condition: str, now: datetime, timezone: str) -> Pushdown[pc.Expression]:
        return split(condition, self.schema)

    def snapshot(self) -> AbstractContextManager[None]:
        """Files are as they are: whoever changes one while it is read makes it another."""
        return nullcontext()

    def count(self) -> int:
        with _reading(self.name):
            return int(self._dataset.count_rows())

    def batches(self, columns: Sequence[str], filter: pc.Expression | None = None) -> Iterator[pa.RecordBatch]:
        # One row group at a time, and no threads: a scanner of the whole reads ahead of a slow consumer as far as the files go.
        with _reading(self.name):
            for fragment in self._dataset.get_fragments(filter):
                by_group = isinstance(fragment, ds.ParquetFileFragment)
                for piece in fragment.split_by_row_group(filter, self.schema) if by_group else [fragment]:
                    yield from piece.to_batches(
                        schema=self.schema,
                        columns=list(columns),
                        filter=filter,
                        batch_size=BLOCK_ROWS,
                        use_threads=False,
                    )


def open_files(source: str | Sequence[str], folder: Path, format: str | None = None) -> Source:
    """The source that a campaign names; relative paths start at ``folder``.

    Raises MissingInputError when nothing is there, InputError when a file is damaged or the files differ in their columns.
    """
    patterns = [source] if isinstance(source, str) else list(source)
    filesystem, paths = _find(patterns, folder)
    name = ", ".join(patterns)
    kind = format or _format_of(paths[0])
    with _reading(name):
        dataset = ds.dataset(paths, filesystem=filesystem, format=_dataset_format(kind))
        _check_same_columns(dataset, name)
        if kind == "csv":
            _check_text(dataset.schema, name)
    return FileSource(name, dataset)


FILES = SourceKind("files", None, lambda asked: open_files(asked.source, asked.folder, asked.format))


def _dataset_format(kind: str) -> ds.FileFormat:
    match kind:
        case "parquet":
            return ds.ParquetFileFormat()
        case "csv":
            return ds.CsvFileFormat()
        case _:
            return ds.IpcFileFormat()


def _find(patterns: Sequence[str], folder: Path) -> tuple[fs.FileSystem, list[str]]:
    found: list[str] = []
    filesystem: fs.FileSystem = fs.LocalFileSystem()
    for pattern in patterns:
        if "://" in pattern:
            filesystem, root = _open_url(pattern)
        else:
            root = str(folder / pattern)
        matches = sorted(_expand(filesystem, root))
        if not matches:
            raise MissingInputError.single("MR360", f"no file matches `{pattern}`", help=f"looked in {folder}")
        found.extend(matches)
    return filesystem, found


def _open_url(url: str) -> tuple[fs.FileSystem, str]:
    try:
        filesystem, path = fs.FileSystem.from_uri(url)
    except (pa.ArrowInvalid, OSError) as fault:
        raise UsageError.single(
            "MR361", f"`{url.split('://')[0]}://` is not a file system that can be read", help=str(fault)
        ) from fault
    return filesystem, path


def _expand(filesystem: fs.FileSystem, path: str) -> Iterator[str]:
    if not any(mark in path for mark in _WILD):
        kind = filesystem.get_file_info(path).type
        if kind == fs.FileType.File:
            yield path
        elif kind == fs.FileType.Directory:
            yield from _files_below(filesystem, path)
        return
    fixed = path
    while any(mark in fixed for mark in _WILD):
        fixed = posixpath.dirname(fixed)
    yield from (each for each in _files_below(filesystem, fixed) if fnmatch.fnmatchcase(each, path))


def _files_below(filesystem: fs.FileSystem, folder: str) -> Iterator[str]:
    selector = fs.FileSelector(folder, recursive=True, allow_not_found=True)
    for info in filesystem.get_file_info(selector):
        if info.type == fs.FileType.File and not posixpath.basename(info.path).startswith((".", "_")):
            yield info.path


def _format_of(path: str) -> str:
    for kind, suffixes in FORMATS.items():
        if path.lower().endswith(suffixes):
            return kind
    raise UsageError.single(
        "MR362",
        f"the format of `{path}` is not known by its name",
        help="say `format: parquet`, `csv` or `arrow` in the audience",
    )


def _check_same_columns(dataset: ds.Dataset, name: str) -> None:
    for fragment in dataset.get_fragments():
        if not fragment.physical_schema.equals(dataset.schema):
            differing = [
                field.name
                for field in dataset.schema
                if field.name not in fragment.physical_schema.names
                or fragment.physical_schema.field(field.name).type != field.type
            ] or [each for each in fragment.physical_schema.names if each not in dataset.schema.names]
            raise InputError.single(
                "MR363",
                f"the files of {name} differ: {posixpath.basename(fragment.path)} has other columns or types ({', '.join(differing[:5])})",
                help="make all files of an audience alike",
            )


def _check_text(schema: pa.Schema, name: str) -> None:
    """A CSV column that is not UTF-8 is taken for bytes."""
    broken = [field.name for field in schema if pa.types.is_binary(field.type)]
    if broken:
        raise InputError.single(
            "MR364", f"{name} is not UTF-8 text (column {', '.join(broken)})", help="save the file as UTF-8"
        )


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as fault:
        raise MissingInputError.single("MR360", f"{name} is not there") from fault
    except (pa.ArrowException, OSError, UnicodeDecodeError) as fault:  # some damaged files raise the last two
        words = " ".join(str(fault).split())[:200]
        raise InputError.single(
            "MR364", f"{name} cannot be read: {words}", help="is the file whole, and of this format?"
        ) from fault
