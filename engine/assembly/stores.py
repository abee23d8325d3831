"""The stores that outlive runs: files in one folder, or a database that all nodes reach."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from engine.adapters.feedback.event_log import SqliteEventLog
from engine.adapters.stores.caps_sqlite import SqliteCaps
from engine.adapters.stores.run_folder import RunFolder
from engine.adapters.stores.suppression_sqlite import SqliteSuppression
from engine.assembly.ledger import ledger_in_database
from engine.assembly.secret_references import resolve_secret
from engine.assembly.settings import RunSettings, StoresAt
from engine.audience.frequency import CapsStore
from engine.audience.store import Store
from engine.audience.suppression import SuppressionStore
from engine.delivery.feedback.contract import EventLog
from engine.delivery.pacing import AllowanceStore
from engine.errors import UsageError, did_you_mean
from engine.pipeline.definition import TENANT
from engine.workflow.executions import ExecutionStore, Owner

if TYPE_CHECKING:
    from engine.adapters.stores.pool import PostgresPool

SCHEME = "postgresql"
_SUPPRESSION, _FEEDBACK = "suppression.sqlite", "feedback.sqlite"
_PEOPLE = "store.sqlite"
_POOLS: dict[StoresAt, PostgresPool] = {}
_OPENING = threading.Lock()


class CapsAndAllowances(CapsStore, AllowanceStore, Protocol):
    """Both are kept by one store."""


def open_suppression(at: StoresAt) -> SuppressionStore:
    if at.database is None:
        return SqliteSuppression(at.folder / _SUPPRESSION, TENANT)
    from engine.adapters.stores.suppression_postgres import PostgresSuppression

    return PostgresSuppression(open_pool(at), TENANT)


def known_suppression(at: StoresAt) -> SuppressionStore | None:
    """The same, without making a file; None where there is none yet."""
    return open_suppression(at) if at.database is not None or (at.folder / _SUPPRESSION).exists() else None


def suppressed_addresses(at: StoresAt, list: str) -> Iterator[pa.StringArray]:
    """Whom the store suppresses; where there is no file yet nobody is, and to plan makes none."""
    known = known_suppression(at)
    return iter(()) if known is None else known.suppressed(list)


def open_caps(at: StoresAt) -> CapsAndAllowances:
    """Frequency caps and daily allowances."""
    if at.database is None:
        return SqliteCaps(at.folder / "caps.sqlite")
    from engine.adapters.stores.caps_postgres import PostgresCaps

    return PostgresCaps(open_pool(at), TENANT)


def open_store(at: StoresAt) -> Store:
    """Users, memberships and events."""
    if at.database is None:
        from engine.adapters.stores.store_sqlite import SqliteStore

        return SqliteStore(at.folder / _PEOPLE, TENANT)
    from engine.adapters.stores.store_postgres import PostgresStore

    return PostgresStore(open_pool(at), TENANT)


def known_store(at: StoresAt) -> Store | None:
    """The same, without making a file; None where there is none yet."""
    return open_store(at) if at.database is not None or (at.folder / _PEOPLE).exists() else None


def open_executions(at: StoresAt, owner: Owner | None = None) -> ExecutionStore:
    """Executions of workflows, beside the people that they concern; ``owner`` has what is claimed by this store."""
    if at.database is None:
        from engine.adapters.stores.executions_sqlite import SqliteExecutions

        return SqliteExecutions(at.folder / _PEOPLE, TENANT, owner)
    from engine.adapters.stores.executions_postgres import PostgresExecutions

    return PostgresExecutions(open_pool(at), TENANT, owner)


def open_event_log(at: StoresAt) -> EventLog:
    """What came back of what was sent."""
    if at.database is None:
        return SqliteEventLog(at.folder / _FEEDBACK, TENANT)
    from engine.adapters.feedback.event_log_postgres import PostgresEventLog

    return PostgresEventLog(open_pool(at), TENANT)


def known_event_log(at: StoresAt) -> EventLog | None:
    """The same, without making a file; None where there is none yet."""
    return open_event_log(at) if at.database is not None or (at.folder / _FEEDBACK).exists() else None


def open_pool(at: StoresAt) -> PostgresPool:
    """This process's connections to the database, of which there is one pool for all; whoever has opened it closes it.

    Raises UsageError (MR675) for an address that cannot be used, CampaignError for a password that is not there.
    """
    with _OPENING:
        pool = _POOLS.get(at)
        if pool is None or not pool.share():
            pool = _POOLS[at] = _pool(at)
        return pool


def reached_by_all(run: RunSettings) -> bool:
    """Whether a run's ledger and stores are databases, so that any node of a cluster may deliver."""
    return run.stores.database is not None and ledger_in_database(RunFolder(run.run_folder))


def _pool(at: StoresAt) -> PostgresPool:
    from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
    from engine.adapters.stores.postgres_session import parse_database

    assert at.database is not None
    for url in (at.database, *at.replicas):
        scheme = url.partition("://")[0]
        if scheme != SCHEME:
            raise UsageError.single("MR675", f"unknown store `{scheme}`", help=did_you_mean(scheme, (SCHEME,)))
    password = None if at.password is None else resolve_secret(at.password, Path.cwd()).decode()
    primary, *replicas = (parse_database(url, password, STORE) for url in (at.database, *at.replicas))
    limits = PoolLimits(at.max_connections, at.min_connections, at.connection_timeout, at.idle_timeout)
    return PostgresPool(primary, replicas, limits, at.replica_lag)


@atexit.register
def _end() -> None:
    """What a process had open when it ended; the pools' own threads are no longer there to end later."""
    for pool in _POOLS.values():
        pool.end()
