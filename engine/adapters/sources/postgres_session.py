"""A look at a database from one moment: a transaction that only reads, and whatever else reads in its snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import adbc_driver_manager
import psycopg
import pyarrow as pa
from adbc_driver_manager._reader import AdbcRecordBatchReader
from adbc_driver_postgresql import dbapi as adbc  # type: ignore[import-untyped]
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine.adapters.sources.postgres_faults import told
from engine.adapters.sources.postgres_types import PostgresColumn, column_of, quote
from engine.adapters.sources.query import Query
from engine.errors import CampaignError, InputError, Place

BATCH_BYTES = 1 << 20
_LATEST = "30min"
_SETTINGS = {
    "statement_timeout": _LATEST,
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "0",  # the snapshot is kept while others read in it
    "default_transaction_read_only": "on",
    "standard_conforming_strings": "on",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "1",
}
_RELIABLE: dict[str, Any] = {  # a peer that is silent is given up in half a minute
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "application_name": "mailray",
    "client_encoding": "UTF8",
}
_BEGIN = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_DESCRIBE = "SELECT * FROM "

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Database:
    """Where an audience is; ``password`` is None when libpq is to find it itself (PGPASSFILE, service files)."""

    url: str
    password: str | None = field(repr=False)

    @property
    def name(self) -> str:
        """Host, port and name, for faults."""
        parts = conninfo_to_dict(self.url)
        return f"postgresql://{parts.get('host', '')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"

    @property
    def conninfo(self) -> str:
        parts = conninfo_to_dict(self.url)
        options = " ".join(
            [*(f"-c {name}={value}" for name, value in _SETTINGS.items()), str(parts.pop("options", ""))]
        )
        secret = {} if self.password is None else {"password": self.password}
        return make_conninfo(**{**_RELIABLE, **parts, "options": options.strip(), **secret})


class Session:
    """One transaction of the query's database, begun when it is made; others can read in its snapshot."""

    def __init__(self, database: Database, query: Query) -> None:
        self._database = database
        self._query = query
        self._arrow: adbc.Connection | None = None
        self._opening = Lock()
        self._connection = self.do(lambda: psycopg.connect(database.conninfo, autocommit=True))
        try:
            self.rows(_BEGIN)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()
        if self._arrow is not None:
            self._arrow.close()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.do(lambda: self._fetched(statement))

    def do(self, work: Callable[[], Result], prefix: int | None = None) -> Result:
        """Work in whose statement the query begins after ``prefix`` characters; None if it does not matter where a fault is.

        Raises ServiceError (MR370, MR371), CampaignError (MR372, MR373) and TryAgainError (MR382).
        """
        try:
            return work()
        except (psycopg.Error, adbc_driver_manager.Error, pa.ArrowException, OSError) as fault:
            database = self._database
            raise told(fault, Place(database.name), self._query, database.password, prefix) from fault

    def columns(self) -> list[PostgresColumn]:
        """The columns of the query, which is not run for it. Raises CampaignError and InputError for what cannot be read."""
        encoding = self.rows("SHOW server_encoding")[0][0]
        if encoding == "SQL_ASCII":
            raise InputError.single(
                "MR383",
                f"{self._database.name} does not say what its text is encoded in (SQL_ASCII)",
                help="copy it into a database of the encoding UTF8",
            )
        described = self.do(self._described, len(_DESCRIBE) + 1)
        names = [each.name for each in described]
        for name in names:
            if names.count(name) > 1:
                help = f"name the columns one by one, with AS where two are called `{name}`"
                place = self._query.written.place()
                raise CampaignError.single("MR381", f"the query has two columns `{name}`", place=place, help=help)
        arrays = {oid for (oid,) in self.rows("SELECT oid::int FROM pg_type WHERE typcategory = 'A'")}
        return [
            column_of(each.name, each.type_code, each.precision, each.scale, array=each.type_code in arrays)
            for each in described
        ]

    def bytewise(self, columns: Sequence[PostgresColumn]) -> set[str]:
        """The text columns whose values are equal only if their bytes are (their collation is deterministic)."""
        texts = [each.name for each in columns if each.exact and pa.types.is_string(each.kind)]
        if not texts:
            return set()
        collation = "pg_collation_for((SELECT {} FROM {} LIMIT 0))::regcollation"
        tests = [
            f"(SELECT collisdeterministic FROM pg_collation WHERE oid = {collation.format(quote(each), self._query.rows)})"  # noqa: S608
            for each in texts
        ]
        found = self.rows(f"SELECT {', '.join(tests)}")[0]
        return {name for name, test in zip(texts, found, strict=True) if test}

    @contextmanager
    def reader(self, snapshot: str) -> Iterator[SnapshotReader]:
        """Another connection in the snapshot; may be asked for by any thread."""
        connection = self.do(self._another)
        try:
            for statement in (_BEGIN, f"SET TRANSACTION SNAPSHOT '{snapshot}'"):
                with connection.cursor() as cursor:
                    self.do(lambda: cursor.execute(statement))  # noqa: B023
            yield SnapshotReader(self, connection)
        finally:
            connection.close()

    def _another(self) -> adbc.Connection:
        """The first asks the database for its types (30 ms), and the others have them from it."""
        with self._opening:
            if self._arrow is None:
                self._arrow = adbc.connect(self._database.conninfo, autocommit=True)
            return self._arrow.adbc_clone()

    def _described(self) -> Sequence[psycopg.Column]:
        cursor = self._connection.execute(f"{_DESCRIBE}{self._query.rows} LIMIT 0", binary=True)
        return list(cursor.description or ())

    def _fetched(self, statement: str) -> list[tuple[Any, ...]]:
        """In binary, which is the protocol that takes one statement alone."""
        cursor = self._connection.execute(statement, binary=True)
        return cursor.fetchall() if cursor.description is not None else []


class SnapshotReader:
    """Statements into batches of about BATCH_BYTES."""

    def __init__(self, session: Session, connection: adbc.Connection) -> None:
        self._session = session
        self._connection = connection

    def read(self, part: str) -> Iterator[pa.RecordBatch]:
        do = self._session.do
        with self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            do(lambda: cursor.execute(part))
            # The driver's own reader, whose faults have their SQLSTATE; pyarrow's has only words.
            stream = cursor.fetch_arrow()
            batches = iter(AdbcRecordBatchReader._import_from_c(stream.address))
            while (batch := do(lambda: next(batches, None))) is not None:
                yield batch

    def cancel(self) -> None:
        with suppress(adbc_driver_manager.Error):  # there may be nothing to cancel
            self._connection.adbc_cancel()
