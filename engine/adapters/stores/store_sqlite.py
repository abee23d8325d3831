"""The embedded store: a SQLite file that outlives runs, shared by all processes of one machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from engine.adapters.stores.store_attributes import Attributes, laid_together, write_object
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
    plain,
    read_objects,
    shaped,
)
from engine.adapters.stores.store_sqlite_file import ArrowSqliteFile, Statements
from engine.audience.store import ARRIVED, EVENTS, MEMBERSHIPS, USERS, Write

NAME, SQL, VERSION = "store", "store_sqlite", 4
_SECOND = 1_000_000
_MERGED = pa.schema(
    [
        pa.field("user_id", pa.string()),
        pa.field("attributes", pa.string()),
        pa.field("name_sequences", pa.string()),
        pa.field("attributes_sequence", pa.int64()),
        pa.field("latest_sequence", pa.int64()),
    ]
)
_CELLS = [name for name in GIVEN_USERS.names if name != "user_id"]


class SqliteStore:
    """The people of one tenant; ``path`` is made when it is first used and does not exist."""

    def __init__(self, path: Path, tenant: str) -> None:
        self._file = ArrowSqliteFile(path, NAME, SQL, VERSION)
        self._tenant = tenant

    def users(self, user_ids: pa.StringArray) -> pa.RecordBatch:
        return self._asked("users", USERS, askable(user_ids))

    def page(self, after: str, most: int) -> pa.RecordBatch:
        with self._file.reading() as statements:
            return shaped(statements.table("page", self._tenant, after, most), USERS)

    def put_users(self, users: pa.RecordBatch, write: Write) -> int:
        rows = last_of_each(checked(users, GIVEN_USERS, ("user_id",)), ("user_id",))
        given = rows.schema.names
        if "attributes" in given:
            texts = [
                write_object(_without_nulls(each)) for each in read_objects(rows.column("attributes"), "attributes")
            ]
            rows = rows.set_column(given.index("attributes"), "attributes", pa.array(texts, pa.string()))

        def work(statements: Statements, version: int) -> str:
            sequences = [write.sequence if name in given else None for name in _CELLS]
            if "attributes" in given:
                late = statements.table("late_attributes", self._tenant, write.sequence)
                self._merge(statements, late, version, lambda kept, values: kept.replace(values, write.sequence))
            statements.rows("put_users", self._tenant, version, *sequences)
            return "changed_users"

        return self._write(write, "incoming_users", rows, work)

    def update_attributes(self, changes: pa.RecordBatch, write: Write) -> int:
        rows = laid_together(checked(changes, CHANGES, CHANGES.names))
        read_objects(rows.column("attributes"), "attributes")

        def work(statements: Statements, version: int) -> str:
            given = statements.table("given_attributes", self._tenant)
            self._merge(statements, given, version, lambda kept, values: kept.lay(values, write.sequence))
            return "changed_attributes"

        return self._write(write, "incoming_attributes", rows, work)

    def put_memberships(self, memberships: pa.RecordBatch, write: Write) -> int:
        names = MEMBERSHIPS.names
        rows = last_of_each(checked(memberships, MEMBERSHIPS, names), ("user_id", "segment_type", "segment_value"))

        def work(statements: Statements, version: int) -> str:
            statements.rows("put_memberships", self._tenant, version, write.sequence)
            return "changed_memberships"

        return self._write(write, "incoming_memberships", rows, work)

    def memberships(self, user_ids: pa.StringArray) -> pa.RecordBatch:
        return self._asked("memberships", MEMBERSHIPS, askable(user_ids))

    def put_events(self, events: pa.RecordBatch) -> int:
        rows = checked(events, EVENTS, ("event_id", "user_id", "event_type", "event_time"))
        if "properties" in rows.schema.names:
            read_objects(rows.column("properties"), "properties")
        if rows.num_rows == 0:
            return 0
        with self._file.transaction() as statements:
            statements.ingest("incoming_events", plain(rows))
            statements.rows("put_events", self._tenant)
            return int(statements.rows("last_change")[0][0])

    def events(self, after: int, most: int) -> tuple[pa.RecordBatch, int]:
        with self._file.reading() as statements:
            found = statements.table("events", self._tenant, after, most)
        return shaped(found, ARRIVED), found.column("position")[-1].as_py() if found.num_rows else after

    def events_of(self, user_ids: pa.StringArray, types: Sequence[str], since: int) -> pa.RecordBatch:
        return self._asked("events_of", EVENTS, askable(user_ids), json.dumps([*types]), since)

    def active_members(self, segment_types: Sequence[str], since: int) -> Iterator[pa.RecordBatch]:
        with self._file.reading() as statements:
            for batch in statements.batches("active_members", self._tenant, json.dumps([*segment_types]), since):
                if batch.num_rows:
                    yield batch

    def version(self) -> int:
        with self._file.reading() as statements:
            found = statements.rows("version", self._tenant)
        return int(found[0][0]) if found else 0

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        with self._file.reading() as statements:
            found = statements.rows("changed", self._tenant, since, most + 1)
        users = [user for _, user in found if user is not None]
        return None if len(users) > most or any(forgotten > since for forgotten, _ in found) else users

    def close(self) -> None:
        self._file.close()

    def _asked(self, name: str, schema: pa.Schema, ids: list[str], *more: object) -> pa.RecordBatch:
        with self._file.reading() as statements:
            return shaped(statements.table(name, self._tenant, json.dumps(ids, ensure_ascii=False), *more), schema)

    def _write(self, write: Write, table: str, rows: pa.RecordBatch, work: Callable[[Statements, int], str]) -> int:
        """Do a write that is not done yet. ``work`` gives the statement that tells what its version has changed."""
        check_write(write)
        if rows.num_rows == 0:
            return 0
        with self._file.transaction() as statements:
            statements.ingest(table, plain(rows))
            version = int(statements.rows("next_version", self._tenant)[0][0])
            if not statements.rows("note_write", self._tenant, write.run, write.step, write.key, version):
                return 0
            changed, users = statements.rows(work(statements, version), self._tenant, version, TOLD_USERS)[0]
            self._tell(statements, version, changed, users)
            return int(changed)

    def _tell(self, statements: Statements, version: int, changed: int, users: str) -> None:
        """Note whom a version has changed, and forget what is long ago."""
        statements.rows("forget_writes", self._tenant, version - WRITES_SECONDS * _SECOND)
        gone = statements.rows("forget_changes", self._tenant, version - TOLD_SECONDS * _SECOND)
        if changed > TOLD_USERS:
            statements.rows("forgot", self._tenant, version)
        elif gone:
            statements.rows("forgot", self._tenant, max(each for (each,) in gone))
        if 0 < changed <= TOLD_USERS:
            statements.rows("note_change", self._tenant, version, users)

    def _merge(
        self,
        statements: Statements,
        found: pa.Table,
        version: int,
        change: Callable[[Attributes, dict[str, object]], None],
    ) -> None:
        """Change people's attributes one by one, and write them together."""
        if found.num_rows == 0:
            return
        merged = []
        for user, given, *kept in zip(*(column.to_pylist() for column in found.columns), strict=True):
            attributes = Attributes.read(*kept)
            change(attributes, {} if given is None else json.loads(given))
            merged.append((user, *attributes.written()))
        columns = [
            pa.array(column, field.type) for column, field in zip(zip(*merged, strict=True), _MERGED, strict=True)
        ]
        statements.ingest("incoming_attributes", pa.RecordBatch.from_arrays(columns, schema=_MERGED))
        statements.rows("merge_attributes", self._tenant, version)


def _without_nulls(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
