"""Tables in real databases, and sources over them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from engine.adapters.sources import Asked, QueryText, open_source
from engine.adapters.sources.postgres import PostgresSource
from engine.adapters.sources.postgres_session import Database
from engine.adapters.sources.query import parse_query
from engine.audience.source import Source
from engine.conditions.parse import locate_in

Execute = Callable[[str], None]
Opened = Callable[..., Source]


@pytest.fixture
def server(postgres: Any) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose tables are in a schema of this test alone."""
    with psycopg.connect(postgres.url, password=postgres.password, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA here")
        connection.execute("SET search_path = here")
        yield connection
        connection.execute("DROP SCHEMA here CASCADE")


@pytest.fixture
def from_server(server: psycopg.Connection[Any], postgres: Any) -> Opened:
    """Open a query to PostgreSQL."""

    def opened(query: str, key: str = "id", types: dict[str, pa.DataType] | None = None, **how: int) -> Source:
        url = f"{postgres.url}?options=-c%20search_path%3Dhere"
        parsed = parse_query(QueryText(query, locate_in(query)), "postgres")
        return PostgresSource(Database(url, postgres.password), parsed, key, types or {}, **how)

    return opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.db"


@pytest.fixture
def in_file(file: Path) -> Execute:
    """Execute statements in a SQLite file."""

    def execute(statements: str) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(statements)

    return execute


@pytest.fixture
def from_file(file: Path) -> Opened:
    """Open a query to that file."""

    def opened(query: str, key: str = "id", types: dict[str, pa.DataType] | None = None) -> Source:
        asked = QueryText(query, locate_in(query))
        return open_source(Asked(f"sqlite:///{file.name}", file.parent, key, query=asked, types=types or {}))

    return opened


@pytest.fixture
def table() -> Callable[..., pa.Table]:
    """All that a source gives of some columns (all if None)."""

    def read(source: Source, columns: list[str] | None = None, filter: Any = None) -> pa.Table:
        names = columns or source.schema.names
        schema = pa.schema([source.schema.field(name) for name in names])
        return pa.Table.from_batches(source.batches(names, filter), schema)

    return read
