"""The cluster's store: one PostgreSQL database for all nodes, with or without replicas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engine.adapters.stores.pool import PooledConnection, PostgresPool
from engine.adapters.stores.store_attributes import laid_together, same_names
from engine.adapters.stores.store_postgres_tables import ArrowTables, refused_values, text_array
from engine.adapters.stores.store_rows import (
    CHANGES,
    GIVEN_USERS,
    TOLD_SECONDS,
    TOLD_USERS,
    WRITES_SECONDS,
    askable,
    check_write,
    checked,
    last_of_each,
    refuse_values,
    shaped,
)
from engine.audience.store import ARRIVED, EVENTS, MEMBERSHIPS, USERS, Write

NAME, SQL, VERSION = "store", "store_postgres", 4
_SECOND = 1_000_000
_CELLS = [name for name in GIVEN_USERS.names if name != "user_id"]


class PostgresStore:
    """The people of one tenant; to close it closes its share of the pool.

    Users, memberships, their changes and what is known of events are read from the primary, so that whoever keeps copies keeps no older
    ones than ``version`` says; everything else from replicas too.
    """

    def __init__(self, pool: PostgresPool, tenant: str) -> None:
        self._tables = ArrowTables(pool, NAME, SQL, VERSION, tenant=tenant)

    def users(self, user_ids: pa.StringArray) -> pa.RecordBatch:
        ids = text_array(askable(user_ids))
        return shaped(self._tables.read(lambda it: self._tables.changed(it, "users", ids=ids)), USERS)

    def page(self, after: str, most: int) -> pa.RecordBatch:
        return shaped(self._tables.read(lambda it: self._tables.found(it, "page", after=after, most=most)), USERS)

    def put_users(self, users: pa.RecordBatch, write: Write) -> int:
        rows = last_of_each(checked(users, GIVEN_USERS, ("user_id",)), ("user_id",))
        sequences: dict[str, Any] = {name: write.sequence if name in rows.schema.names else None for name in _CELLS}
        return self._write(write, "put_users", "incoming_users", rows, nulls=_nulls(rows), **sequences)

    def update_attributes(self, changes: pa.RecordBatch, write: Write) -> int:
        rows = laid_together(checked(changes, CHANGES, CHANGES.names))
        names = same_names(rows.column("attributes"))
        given: dict[str, Any] = {"nulls": _nulls(rows)}
        if names is not None:
            given |= {"in_order": "update_same_names", "names": json.dumps(dict.fromkeys(names, write.sequence))}
        return self._write(write, "update_attributes", "incoming_attributes", rows, **given)

    def put_memberships(self, memberships: pa.RecordBatch, write: Write) -> int:
        names = MEMBERSHIPS.names
        rows = last_of_each(checked(memberships, MEMBERSHIPS, names), ("user_id", "segment_type", "segment_value"))
        return self._write(write, "put_memberships", "incoming_memberships", rows)

    def memberships(self, user_ids: pa.StringArray) -> pa.RecordBatch:
        ids = text_array(askable(user_ids))
        return shaped(self._tables.read(lambda it: self._tables.found(it, "memberships", ids=ids)), MEMBERSHIPS)

    def put_events(self, events: pa.RecordBatch) -> int:
        rows = checked(events, EVENTS, ("event_id", "user_id", "event_type", "event_time"))
        number = rows.num_rows
        if number == 0:
            return 0
        placed = rows.append_column("place", pa.array(range(1, number + 1), pa.int64()))

        def work(connection: PooledConnection) -> int:
            self._tables.ingest(connection, "incoming_events", placed)
            last = self._one(connection, "next_position", rows=number)
            with refused_values(lambda words: refuse_values(rows, "properties", words)):
                return self._one(connection, "put_events", rows=number, last=last)

        return self._tables.write(work)

    def events(self, after: int, most: int) -> tuple[pa.RecordBatch, int]:
        found = self._tables.recent(lambda it: self._tables.found(it, "events", after=after, most=most))
        return shaped(found, ARRIVED), found.column("position")[-1].as_py() if found.num_rows else after

    def events_of(self, user_ids: pa.StringArray, types: Sequence[str], since: int) -> pa.RecordBatch:
        asked = {"ids": text_array(askable(user_ids)), "types": text_array(types), "since": instant(since)}
        return shaped(self._tables.recent(lambda it: self._tables.found(it, "events_of", **asked)), EVENTS)

    def active_members(self, segment_types: Sequence[str], since: int) -> Iterator[pa.RecordBatch]:
        yield from self._tables.batches("active_members", types=text_array(segment_types), since=instant(since))

    def version(self) -> int:
        found = self._tables.rows("version")
        return int(found[0][0]) if found else 0

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        found = self._tables.rows("changed", since=since, most=most + 1)
        users = [user for _, user in found if user is not None]
        return None if len(users) > most or any(forgotten > since for forgotten, _ in found) else users

    def close(self) -> None:
        self._tables.close()

    def _write(
        self, write: Write, name: str, table: str, rows: pa.RecordBatch, in_order: str | None = None, **values: object
    ) -> int:
        """Do a write that is not done yet, in one transaction; by the statement ``in_order``, if any, when no other was later."""
        check_write(write)
        if rows.num_rows == 0:
            return 0
        named = {"run": write.run, "step": write.step, "key": write.key}

        def work(connection: PooledConnection) -> int:
            self._tables.ingest(connection, table, rows)
            latest = self._tables.row(connection, "next_version", sequence=write.sequence)
            assert latest is not None
            version, highest = latest
            if self._tables.row(connection, "note_write", **named, version=version) is None:
                return 0
            sequenced = {"sequence": write.sequence, "version": version, "most": TOLD_USERS}
            with refused_values(lambda words: refuse_values(rows, "attributes", words)):
                statement = in_order if in_order and highest == write.sequence else name
                found = self._tables.row(connection, statement, **values, **sequenced)
            assert found is not None
            self._tell(connection, version, *found)
            return int(found[0])

        return self._tables.write(work)

    def _tell(self, connection: PooledConnection, version: int, changed: int, users: list[str] | None) -> None:
        """Note whom a version has changed, and forget what is long ago."""
        self._tables.row(connection, "forget_writes", before=version - WRITES_SECONDS * _SECOND)
        gone = self._one(connection, "forget_changes", before=version - TOLD_SECONDS * _SECOND)
        if changed > TOLD_USERS:
            gone = version
        elif users:
            self._tables.row(connection, "note_change", version=version, users=text_array(users))
        if gone:
            self._tables.row(connection, "forgot", version=gone)

    def _one(self, connection: PooledConnection, name: str, **values: object) -> int:
        found = self._tables.row(connection, name, **values)
        assert found is not None
        return int(found[0] or 0)


def _nulls(rows: pa.RecordBatch) -> bool:
    """Whether any attribute may be null."""
    return "attributes" in rows.schema.names and bool(
        pc.any(pc.match_substring(rows.column("attributes"), "null")).as_py()
    )


def instant(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
