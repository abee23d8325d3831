"""The cluster's ledger: all runs in one PostgreSQL database, written from any node.

A commit is on the server's disk when it returns (synchronous_commit=on, whatever the server's default). Epochs change by
compare-and-set; an append is one statement that writes nothing under an epoch that has passed.

An owner holds an advisory lock of its epoch for as long as its session lasts, so that the server knows at once when its process
has died. A session can be lost while its owner lives, when the network or the server fails; then the lease is cut short, and what
holds is the epoch: the old owner cannot write another intent, and those it has written are in doubt.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any

import psycopg

from engine.adapters.stores.postgres_session import Connection, Database, Result, Session, prepare
from engine.adapters.stores.statements import statement
from engine.errors import MailrayError
from engine.ledger.chain import verify_chain, verify_keys
from engine.ledger.contract import Appender, ThreadAppender, refuse_claim, refuse_plan, refuse_stale
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry, Log, checksum, digest_of
from engine.ledger.replay import Standing, damaged, replay
from engine.ledger.states import Reason, State
from engine.ledger.tally import Tally

LEASE_STEP = 1_000_000  # microseconds
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\"})
_COLUMNS = ("outbox_row", *Entry._fields[1:])


class PostgresPartition:
    """One session. It may be used from any thread, by one at a time."""

    def __init__(self, database: Database, run: int, number: int) -> None:
        self._place = database.place
        self._number = number
        self._of = {"run": run, "partition": number}
        self._mutex = threading.Lock()
        self._session = Session(database, self._opened)
        self._epoch: int | None = None
        self._tally: Tally | None = None
        self._batches, self._chain = 0, 0
        self._unsure: list[Entry] = []  # what may have been written when the session was lost
        self._session.do(lambda connection: _run(connection, "make_partition", self._of))

    def claim(self, owner: str, now: int, lease_until: int) -> int:
        def work(connection: Connection) -> int:
            with connection.transaction():
                epoch, holder, held_until = _row(connection, "read_lease", self._of)
                if held_until > now and not self._lock(connection, epoch, "pg_try_advisory_xact_lock"):
                    raise refuse_claim(self._number, holder)
                _run(connection, "claim", {**self._of, "epoch": epoch, "owner": owner, "lease_until": lease_until})
            self._lock(connection, epoch + 1, "pg_try_advisory_lock")
            return int(epoch) + 1

        with self._mutex:
            self._unlock()
            self._epoch, self._tally, self._unsure = None, None, []
            self._epoch = self._session.do(work)
            return self._epoch

    def plan(self, keys: Sequence[bytes], now: int) -> None:
        digest = digest_of(keys)

        def work(connection: Connection) -> None:
            with connection.transaction():
                self._refuse_stale(_row(connection, "read_lease", self._of)[0])
                messages, _, planned, *_ = _row(connection, "read_plan", self._of)
                if messages is None:
                    self._copy(connection, keys)
                    values = {"messages": len(keys), "planned_at": now, "digest": digest}
                    _run(connection, "plan", {**self._of, **values})
                elif (messages, planned) != (len(keys), digest):
                    raise refuse_plan(self._number)

        with self._mutex:
            self._session.do(work)
            self._tally = None

    def append(self, entries: Sequence[Entry], lease_until: int) -> None:
        with self._mutex:
            self._refuse_stale(self._epoch)
            if self._tally is None:
                self._tally = self._read().tally()
            if self._unsure:
                entries = self._told_apart(entries)
            left = self._tally.enter_all(entries)
            try:
                if entries:
                    self._write(entries, lease_until)
                else:
                    self._renew(lease_until)
            except BaseException:
                self._tally.take_back(entries, left)
                raise
            self._unsure = []

    def appender(self, executor: Executor) -> Appender:
        return ThreadAppender(self, executor)

    def release(self) -> None:
        with self._mutex:
            epoch, self._epoch = self._epoch, None
            self._tally, self._unsure = None, []
            if epoch is not None and self._session.open:
                with suppress(MailrayError):  # a session that is lost has given up its lock
                    self._session.do(lambda it: _run(it, "renew", {**self._of, "epoch": epoch, "lease_until": 0}), 0)
            self._unlock()

    def keys(self) -> list[bytes]:
        def work(connection: Connection) -> tuple[Any, list[bytes]]:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                planned = _row(connection, "read_plan", self._of)
                return planned, [key for (key,) in _rows(connection, "read_keys", self._of)]

        with self._mutex:
            (messages, _, digest, *_), keys = self._session.do(work)
            if messages is not None:
                verify_keys(keys, messages, digest, self._place)
            return keys

    def replay(self) -> Standing:
        with self._mutex:
            standing = self._read()
            self._tally = standing.tally()
            return standing

    def close(self) -> None:
        try:
            self.release()
        finally:
            self._session.close()

    def _opened(self, connection: Connection) -> None:
        """A new session takes the lock that the one before has lost."""
        if self._epoch is not None:
            self._lock(connection, self._epoch, "pg_try_advisory_lock")

    def _refuse_stale(self, epoch: int | None) -> None:
        if epoch is None or epoch != self._epoch:
            raise refuse_stale(self._number)

    def _read(self) -> Standing:
        """All entries, verified, as they are at one moment; the end of the checksums' chain is kept for the next append."""

        def work(connection: Connection) -> tuple[Any, list[Any], list[Any]]:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                plan = _row(connection, "read_plan", self._of)
                return plan, _rows(connection, "read_entries", self._of), _rows(connection, "read_batches", self._of)

        plan, rows, batches = self._session.do(work)
        messages, planned_at, _, _, number, entries, chain = plan
        if (verify_chain(rows, batches, self._place), len(rows), len(batches)) != (chain, entries, number):
            raise damaged(self._place, "entries are missing at the end")
        self._batches, self._chain = number, chain
        return replay(messages or 0, planned_at or 0, Log.of(rows), self._place)

    def _write(self, entries: Sequence[Entry], lease_until: int) -> None:
        """Write a batch once, however often the session is lost on the way."""
        chain = checksum(entries, self._chain)
        columns = dict(zip(_COLUMNS, map(_array, zip(*entries, strict=True)), strict=True))
        values = {"epoch": self._epoch, "lease_until": lease_until, "batches": self._batches, "checksum": chain}

        def work(connection: Connection) -> None:
            if not (self._unsure and self._has(connection, chain)):
                self._unsure = list(entries)
                done = _run(connection, "append", {**self._of, **columns, **values, "entries": len(entries)})
                if done.rowcount == 0:
                    self._unsure = []
                    raise refuse_stale(self._number)

        self._session.do(work)
        self._batches, self._chain = self._batches + 1, chain

    def _told_apart(self, entries: Sequence[Entry]) -> list[Entry]:
        """Find out whether the batch that was given up had been written after all, and give what of ``entries`` is still to be."""
        unsure, chain = self._unsure, checksum(self._unsure, self._chain)
        if not self._session.do(lambda connection: self._has(connection, chain)):
            self._unsure = []
            return list(entries)
        self._batches, self._chain, self._unsure = self._batches + 1, chain, []
        if self._tally is not None:
            self._tally.enter_all(unsure)
        return [entry for entry in entries if entry not in unsure]

    def _has(self, connection: Connection, chain: int) -> bool:
        """Whether the batch after the last one we know is there, and ours. Raises RefusedError when another owner has written."""
        _, _, _, epoch, batches, _, found = _row(connection, "read_plan", self._of)
        self._refuse_stale(epoch)
        return (batches, found) == (self._batches + 1, chain)

    def _renew(self, lease_until: int) -> None:
        values = {**self._of, "epoch": self._epoch, "lease_until": lease_until}
        if self._session.do(lambda connection: _run(connection, "renew", values).rowcount) == 0:
            raise refuse_stale(self._number)

    def _copy(self, connection: Connection, keys: Sequence[bytes]) -> None:
        run, partition = self._of["run"], self._number
        with connection.cursor() as cursor, cursor.copy(statement("ledger_postgres", "copy_messages")) as copy:
            copy.set_types(["int8", "int4", "int4", "bytea"])
            for row, key in enumerate(keys):
                copy.write_row((run, partition, row, key))

    def _lock(self, connection: Connection, epoch: int, function: str) -> bool:
        """Take the advisory lock of an epoch: for the transaction or the session, as the function says."""
        found = connection.execute(f"SELECT {function}(%s)", (self._lock_key(epoch),)).fetchone()
        return bool(found and found[0])

    def _unlock(self) -> None:
        if self._session.open:
            with suppress(MailrayError):
                self._session.do(lambda connection: connection.execute("SELECT pg_advisory_unlock_all()"), 0)

    def _lock_key(self, epoch: int) -> int:
        name = f"mailray {self._of['run']} {self._number} {epoch}".encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)


class PostgresLedger:
    """One run's ledger, by the name that the run bears in the database. The tables are made when they are not there."""

    def __init__(self, database: Database, run: str) -> None:
        self._database = database
        self._name = run
        self._run: int | None = None

    def partitions(self) -> Sequence[int]:
        return self._look(lambda connection, run: [int(row[0]) for row in _rows(connection, "read_partitions", run)])

    def partition(self, number: int) -> PostgresPartition:
        if self._run is None:
            self.partitions()
        assert self._run is not None
        return PostgresPartition(self._database, self._run, number)

    def counts(self) -> Counts:
        return self._look(_counts)

    def _look(self, read: Callable[[Connection, dict[str, object]], Result]) -> Result:
        session = Session(self._database, self._opened)
        try:
            return session.do(lambda connection: read(connection, {"run": self._run}), 0)
        finally:
            session.close()

    def _opened(self, connection: Connection) -> None:
        if self._run is None:
            prepare(connection, self._database.place)
            _run(connection, "make_run", {"name": self._name})
            self._run = int(_row(connection, "read_run", {"name": self._name})[0])


def _counts(connection: Connection, run: dict[str, object]) -> Counts:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        (messages,) = _row(connection, "count_messages", run)
        found = _rows(connection, "count_states", run)
    states, skipped = [0] * len(State), [0] * len(Reason)
    for state, reason, number in found:
        states[state] += number
        skipped[reason] += number if state == State.SKIPPED else 0
    states[State.PLANNED] = messages - sum(states)
    return Counts(tuple(states), tuple(skipped))


def _array(values: Sequence[int] | Sequence[str]) -> str:
    """An array as PostgreSQL reads it (section 8.15.2 of its manual); psycopg takes several times as long, value by value."""
    quoted = (f'"{value.translate(_ESCAPES)}"' if isinstance(value, str) else str(value) for value in values)
    return f"{{{','.join(quoted)}}}"


def _run(connection: Connection, name: str, values: dict[str, Any]) -> psycopg.Cursor[tuple[Any, ...]]:
    return connection.execute(statement("ledger_postgres", name), values, binary=True)


def _row(connection: Connection, name: str, values: dict[str, Any]) -> tuple[Any, ...]:
    found = _run(connection, name, values).fetchone()
    assert found is not None
    return found


def _rows(connection: Connection, name: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    return _run(connection, name, values).fetchall()
