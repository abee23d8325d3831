"""The cluster's store of executions: beside the people that they concern, always read where it is written.

Rows that somebody else has just claimed are passed over; whoever enters waits for whoever does so too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from engine.adapters.stores.pool import PooledConnection, PostgresPool
from engine.adapters.stores.store_postgres import NAME, SQL, VERSION, instant
from engine.adapters.stores.store_postgres_tables import ArrowTables, text_array
from engine.adapters.stores.store_rows import shaped, without_nul
from engine.workflow.executions import EFFECTS, EXECUTIONS, HISTORY, MEASURED, Claimed, Owner
from engine.workflow.memory import COUNTS, VERSIONS


class PostgresExecutions:
    """The executions of one tenant; to close it closes its share of the pool. ``owner`` has what is claimed here."""

    def __init__(self, pool: PostgresPool, tenant: str, owner: Owner | None = None) -> None:
        self._owner = owner or Owner()
        self._tables = ArrowTables(pool, NAME, SQL, VERSION, tenant=tenant)

    def define(self, workflow: str, version: str, definition: str) -> None:
        values = {"workflow": workflow, "version": version, "definition": definition}
        self._tables.write(lambda it: self._tables.row(it, "define", **values))

    def definition(self, workflow: str, version: str) -> str | None:
        found = self._tables.rows("definition", workflow=workflow, version=version)
        return found[0][0] if found else None

    def versions(self) -> pa.RecordBatch:
        return self._read("workflow_versions", VERSIONS)

    def enter(
        self,
        entries: pa.RecordBatch,
        again_after: int | None,
        not_while: Sequence[str] = (),
        only_after: Sequence[str] = (),
        lease_until: int | None = None,
    ) -> pa.RecordBatch:
        given = without_nul(entries)
        rules = {"again_after": again_after, "not_while": text_array(not_while), "only_after": text_array(only_after)}
        rules |= {"needed": len({*only_after})}

        def work(connection: PooledConnection) -> pa.RecordBatch:
            self._tables.ingest(connection, "incoming_entries", given)
            self._tables.row(connection, "lock_entries")
            begun = self._names(connection, "enter", **rules)
            if lease_until is None:
                return self._find(connection, begun)
            return self._claim(connection, begun, lease_until)

        return self._tables.write(work).sort_by([("entered_at", "ascending"), ("execution_id", "ascending")])

    def due(self, workflows: Sequence[str], now: int, most: int, lease_until: int) -> pa.RecordBatch:
        asked = {"workflows": text_array(workflows), "now": now, "at": instant(now), "most": most}

        def work(connection: PooledConnection) -> pa.RecordBatch:
            found = self._names(connection, "due", **asked)
            return self._claim(connection, found, lease_until)

        return self._tables.write(work).sort_by([("due", "ascending"), ("execution_id", "ascending")])

    def concerned(self, workflow: str, user_ids: Sequence[str], now: int, lease_until: int) -> Claimed:
        asked = {"workflow": workflow, "ids": text_array(user_ids), "now": now, "gone": text_array(self._owner.gone)}

        def work(connection: PooledConnection) -> Claimed:
            found = self._tables.changed(connection, "alive_of_users", **asked).to_pylist()
            claimed = self._claim(connection, [row["execution_id"] for row in found if row["free"]], lease_until)
            return Claimed(claimed, tuple(sorted({row["user_id"] for row in found if not row["free"]})))

        return self._tables.write(work)

    def save(self, executions: pa.RecordBatch, history: pa.RecordBatch, effects: pa.RecordBatch) -> int:
        tables = {"incoming_executions": executions, "incoming_history": history, "incoming_effects": effects}
        return self._write("save", {name: without_nul(rows) for name, rows in tables.items()})

    def release(self, executions: pa.RecordBatch) -> None:
        ids, claims = (executions.column(name).to_pylist() for name in ("execution_id", "claim"))
        given = {"ids": text_array(ids), "claims": text_array(map(str, claims))}
        self._tables.write(lambda it: self._tables.row(it, "release", **given))

    def free(self, until: int) -> None:
        def work(connection: PooledConnection) -> None:
            for name in ("free_executions", "free_effects"):
                self._tables.row(connection, name, until=until)

        self._tables.write(work)

    def effects(
        self, kinds: Sequence[str], workflows: Sequence[str], now: int, most: int, lease_until: int
    ) -> pa.RecordBatch:
        asked = {"kinds": text_array(kinds), "workflows": text_array(workflows), "now": now, "most": most}

        def work(connection: PooledConnection) -> pa.RecordBatch:
            names = text_array(self._names(connection, "due_effects", **asked))
            self._tables.row(connection, "lease_effects", names=names, until=lease_until)
            return shaped(self._tables.found(connection, "find_effects", names=names), EFFECTS)

        return self._tables.write(work)

    def settle(self, names: Sequence[str]) -> int:
        return self._write("settle", {}, names=text_array(names))

    def measure(self, measured: pa.RecordBatch) -> None:
        def work(connection: PooledConnection) -> None:
            self._tables.ingest(connection, "incoming_measured", measured)
            self._tables.row(connection, "measure")

        self._tables.write_once(work)

    def measured(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        return self._read("measured", MEASURED, ids=text_array(execution_ids))

    def mark(self, name: str) -> str | None:
        found = self._tables.rows("mark", name=name)
        return found[0][0] if found else None

    def set_mark(self, name: str, value: str) -> None:
        self._tables.write(lambda it: self._tables.row(it, "set_mark", name=name, value=value))

    def history(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        return self._read("history", HISTORY, ids=text_array(execution_ids))

    def find(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        return self._read("find_executions", EXECUTIONS, ids=text_array(execution_ids))

    def of_user(self, user_id: str) -> pa.RecordBatch:
        return self._read("executions_of_user", EXECUTIONS, user=user_id)

    def of_workflow(self, workflow: str, states: Sequence[str], after: str, most: int) -> pa.RecordBatch:
        asked = {"workflow": workflow, "states": text_array(states), "after": after, "most": most}
        return self._read("executions_of_workflow", EXECUTIONS, **asked)

    def counts(self, workflow: str) -> pa.RecordBatch:
        return self._read("count_executions", COUNTS, workflow=workflow)

    def cancel(self, execution_ids: Sequence[str], now: int) -> int:
        return self._write("cancel", {}, ids=text_array(execution_ids), now=instant(now))

    def retry(self, execution_ids: Sequence[str], now: int) -> int:
        return self._write("retry", {}, ids=text_array(execution_ids), now=instant(now))

    def close(self) -> None:
        self._tables.close()

    def _names(self, connection: PooledConnection, name: str, **values: object) -> list[str]:
        found: list[str] = self._tables.changed(connection, name, **values).column(0).to_pylist()
        return found

    def _claim(self, connection: PooledConnection, names: list[str], lease_until: int) -> pa.RecordBatch:
        self._tables.row(connection, "claim", ids=text_array(names), until=lease_until, owner=self._owner.name)
        return self._find(connection, names)

    def _find(self, connection: PooledConnection, names: list[str]) -> pa.RecordBatch:
        return shaped(self._tables.found(connection, "find_executions", ids=text_array(names)), EXECUTIONS)

    def _read(self, name: str, schema: pa.Schema, **values: object) -> pa.RecordBatch:
        return shaped(self._tables.read(lambda it: self._tables.found(it, name, **values)), schema)

    def _write(self, name: str, tables: Mapping[str, pa.RecordBatch], **values: object) -> int:
        """Do what a statement does with these tables, and give the number that it gives."""

        def work(connection: PooledConnection) -> int:
            for table, rows in tables.items():
                self._tables.ingest(connection, table, rows)
            found = self._tables.row(connection, name, **values)
            assert found is not None
            return int(found[0])

        return self._tables.write(work)
