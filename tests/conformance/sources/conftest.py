"""One table in every kind of source."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi
import adbc_driver_sqlite.dbapi
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from engine.adapters.sources import FORMATS, SOURCES, Asked, QueryText, open_source
from engine.adapters.stores.store_sqlite import SqliteStore
from engine.audience.source import Source
from engine.audience.store import Write
from engine.conditions.parse import locate_in

Stored = Callable[[pa.Table], Source]
WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "parquet": lambda table, path: pq.write_table(table, path, row_group_size=9_000),
    "csv": pyarrow.csv.write_csv,
    "arrow": pyarrow.feather.write_feather,
}
DATABASES = [kind.scheme for kind in SOURCES if kind.scheme is not None]
_NUMBERS = itertools.count()


def write(kind: str, table: pa.Table, folder: Path, name: str) -> Path:
    """The table as a file of this format."""
    path = folder / (name + FORMATS[kind][0])
    WRITERS[kind](table, path)
    return path


@pytest.fixture(params=FORMATS)
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def written() -> Callable[[str, pa.Table, Path, str], Path]:
    return write


@pytest.fixture(params=[*FORMATS, *DATABASES])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Stored:
    """A source of this kind that holds a table; a database is given the rows backwards."""
    if request.param in FORMATS:

        def in_file(table: pa.Table) -> Source:
            return open_source(Asked(write(request.param, table, tmp_path, "people").name, tmp_path, "id"))

        return in_file
    if request.param == "store":
        return request.getfixturevalue("in_store")  # type: ignore[no-any-return]
    if request.param == "sqlite":
        return lambda table: _in_sqlite(table, tmp_path)
    return lambda table: _in_postgres(table, request.getfixturevalue("postgres"), tmp_path)


@pytest.fixture(scope="session")
def in_store(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Rows as people with attributes, each table written once."""
    folder, known = tmp_path_factory.mktemp("people"), dict[int, Path]()

    def stored(table: pa.Table) -> Source:
        path = known.setdefault(table.num_rows, folder / f"{table.num_rows}.sqlite")
        if not path.exists():
            with closing(SqliteStore(path, "tenant")) as store:
                store.put_users(_people(table), Write("run", "step", "key", 1))
        types = dict(zip(table.schema.names, table.schema.types, strict=True))
        return open_source(Asked("store:", folder, "user_id", types=types, store=lambda: SqliteStore(path, "tenant")))

    return stored


def _people(table: pa.Table) -> pa.RecordBatch:
    rows = table.to_pylist()
    ids = [f"{row['id']:08}" for row in rows]
    texts = [json.dumps(row) for row in rows]
    return pa.record_batch({"user_id": pa.array(ids, pa.string()), "attributes": pa.array(texts, pa.string())})


def _in_sqlite(table: pa.Table, folder: Path) -> Source:
    path = folder / f"people{next(_NUMBERS)}.db"
    with adbc_driver_sqlite.dbapi.connect(str(path)) as connection:
        _ingest(connection, table, "people")
    return open_source(_asked(f"sqlite:///{path.name}", "people", folder, None))


def _in_postgres(table: pa.Table, server: Any, folder: Path) -> Source:
    name = f"people{next(_NUMBERS)}"
    with adbc_driver_postgresql.dbapi.connect(server.url.replace("@", f":{server.password}@")) as connection:
        _ingest(connection, table, name)
    return open_source(_asked(server.url, name, folder, server.password))


def _ingest(connection: Any, table: pa.Table, name: str) -> None:
    backwards = table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))
    with connection.cursor() as cursor:
        cursor.adbc_ingest(name, backwards, mode="replace")
    connection.commit()


def _asked(url: str, table: str, folder: Path, password: str | None) -> Asked:
    query = f"SELECT * FROM {table}"
    return Asked(url, folder, "id", query=QueryText(query, locate_in(query)), password=password)
