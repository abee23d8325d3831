"""A session with PostgreSQL: opened with deadlines, opened again when it was lost, and its faults in this project's words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine.adapters.stores.statements import statement
from engine.errors import FileAccessError, InputError, MailrayError, Place, ServiceError, TryAgainError, UsageError

VERSION = 1
PATIENCE_SECONDS = 15.0
"""How long a session that was lost is tried again; connections to mail servers wait meanwhile, and most servers let them."""
PAUSE_SECONDS = 0.25
_SQL = "ledger_postgres"
MIGRATING = 0x6D61696C726179  # the advisory lock of whoever makes the tables
_RELIABLE: dict[str, Any] = {  # a peer that is silent is given up in half a minute, wherever the packets went
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    # Whoever has waited for a lock must see what was written meanwhile, whatever the server's default is.
    "options": "-c synchronous_commit=on -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s "
    r"-c default_transaction_isolation=read\ committed",
}
_PASSING = (errors.InsufficientResources, errors.ReadOnlySqlTransaction, errors.LockNotAvailable)
_REFUSED = (
    errors.InvalidAuthorizationSpecification,
    errors.InvalidPassword,
    errors.InvalidCatalogName,
    errors.InsufficientPrivilege,
)
_REFUSALS = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")

Result = TypeVar("Result")
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Wording:
    """How the faults of a database are told: what it keeps, the setting that names it, and the kind, code and advice of each fault."""

    subject: str
    setting: str
    address: str  # code for an address that cannot be used
    refused: tuple[str, str]
    silent: tuple[type[MailrayError], str, str]
    passing: tuple[str, str]
    unusable: tuple[type[MailrayError], str, str | None]


LEDGER = Wording(
    subject="the ledger",
    setting="ledger",
    address="MR614",
    refused=("MR612", "look at the user, the database, and what `ledger_password` refers to"),
    silent=(ServiceError, "MR613", "nothing is sent without it; when it is back, `mailray resume` goes on"),
    passing=("MR608", "then `mailray resume`"),
    unusable=(FileAccessError, "MR609", None),
)


@dataclass(frozen=True, slots=True)
class Database:
    """Where a database is; ``password`` is None when libpq is to find it itself (PGPASSFILE)."""

    conninfo: str
    password: str | None
    wording: Wording = LEDGER

    @property
    def place(self) -> Place:
        """For faults: hosts, ports and name of the database, without the user."""
        parts = conninfo_to_dict(self.conninfo)
        hosts, ports = (str(parts.get(name, default)).split(",") for name, default in (("host", ""), ("port", "5432")))
        every = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
        where = ",".join(f"{host}:{port}" for host, port in zip(hosts, every, strict=True))
        return Place(f"postgresql://{where}/{parts.get('dbname', '')}")

    def translated(self, fault: psycopg.Error) -> MailrayError:
        """The fault in this project's words."""
        place, words = self.place, " ".join((fault.diag.message_primary or str(fault)).split())[:200]
        told = self.wording
        if refused(fault):
            code, advice = told.refused
            return ServiceError.single(code, f"{told.subject}'s database refuses us: {words}", place=place, help=advice)
        if isinstance(fault, _PASSING):
            code, advice = told.passing
            return TryAgainError.single(
                code, f"{told.subject} cannot be written now: {words}", place=place, help=advice
            )
        if isinstance(fault, (psycopg.OperationalError, psycopg.InterfaceError)):
            kind, code, advice = told.silent
            return kind.single(code, f"{told.subject}'s database does not answer: {words}", place=place, help=advice)
        unusable, code, remedy = told.unusable
        return unusable.single(code, f"{told.subject} cannot be used: {words}", place=place, help=remedy)


def parse_database(url: str, password: str | None, wording: Wording = LEDGER) -> Database:
    """The database that a URL (``postgresql://user@host:port/name``) names; of several hosts the one that can be written, unless the
    URL says otherwise. Raises UsageError (MR614, MR675)."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise _no_url("it is malformed", wording) from None
    if parts.get("password") is not None:
        raise _no_url("it holds a password", wording)
    if not parts.get("dbname") or not parts.get("host"):
        raise _no_url("it names no host or no database", wording)
    if "," in str(parts["host"]):
        parts.setdefault("target_session_attrs", "read-write")
    return Database(make_conninfo(**{**_RELIABLE, **parts, "application_name": "mailray"}), password, wording)


def _no_url(why: str, wording: Wording) -> UsageError:
    setting = wording.setting
    return UsageError.single(
        wording.address,
        f"{wording.subject}'s address cannot be used: {why}",
        help=f"{setting} = postgresql://user@host:5432/database, and the password by reference: "
        f"{setting}_password = env:NAME or file:PATH",
    )


class Session:
    """One connection, made when it is needed. ``opened`` is called with each new one. Not for use by several threads at a time."""

    def __init__(self, database: Database, opened: Callable[[Connection], None]) -> None:
        self._database = database
        self._opened = opened
        self._connection: Connection | None = None

    def do(self, work: Callable[[Connection], Result], patience: float | None = None) -> Result:
        """Do something that may be repeated, in a new connection when the old one is lost, for so many seconds (PATIENCE_SECONDS).

        Raises ServiceError (MR612, MR613), TryAgainError (MR608), FileAccessError (MR609), InputError, and what ``work`` raises.
        """
        until = time.monotonic() + (PATIENCE_SECONDS if patience is None else patience)
        while True:
            try:
                return work(self._connected())
            except psycopg.Error as fault:
                if not self._lost(fault) or time.monotonic() >= until:
                    raise self._database.translated(fault) from fault
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def open(self) -> bool:
        return self._connection is not None and not self._connection.broken

    def _connected(self) -> Connection:
        if self._connection is None:
            database = self._database
            connection: Connection = psycopg.connect(database.conninfo, password=database.password, autocommit=True)
            try:
                self._opened(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _lost(self, fault: psycopg.Error) -> bool:
        """Whether another connection may help: this one broke, or the server is starting or ending."""
        if isinstance(fault, errors.OperatorIntervention) or (self._connection is not None and self._connection.broken):
            self.close()
            return True
        return self._connection is None and isinstance(fault, psycopg.OperationalError) and not refused(fault)


def refused(fault: psycopg.Error) -> bool:
    """libpq gives no code for a connection that was refused by the server, only the server's line, which begins in English or not."""
    return isinstance(fault, _REFUSED) or (
        isinstance(fault, psycopg.OperationalError)
        and fault.sqlstate is None
        and any(each in str(fault) for each in _REFUSALS)
    )


def prepare(connection: Connection, place: Place) -> None:
    """Make the tables, or bring them to this version. Raises InputError (MR607) when they are of a later one."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATING,))
        known = connection.execute("SELECT to_regclass('mailray.format')").fetchone()
        found = connection.execute(statement(_SQL, "read_format")).fetchone() if known and known[0] else (0,)
        version = int(found[0]) if found else 0
        if version > VERSION:
            raise InputError.single(
                "MR607",
                f"the ledger was written by a newer mailray (format {version})",
                place=place,
                help="upgrade mailray",
            )
        for step in range(version + 1, VERSION + 1):
            connection.execute(statement(_SQL, f"migration_{step:03d}"))
