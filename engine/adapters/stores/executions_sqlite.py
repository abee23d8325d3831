"""The embedded store of executions: in the same SQLite file as the people that they concern."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from engine.adapters.stores.store_rows import plain, shaped, without_nul
from engine.adapters.stores.store_sqlite import NAME, SQL, VERSION
from engine.adapters.stores.store_sqlite_file import ArrowSqliteFile, Statements
from engine.workflow.executions import EFFECTS, EXECUTIONS, HISTORY, MEASURED, Claimed, Owner
from engine.workflow.memory import COUNTS, VERSIONS

_NO_EXECUTIONS = pa.RecordBatch.from_pylist([], EXECUTIONS)
_NO_EFFECTS = pa.RecordBatch.from_pylist([], EFFECTS)


class SqliteExecutions:
    """The executions of one tenant; ``path`` is made when it is first used and does not exist. ``owner`` has what is claimed here."""

    def __init__(self, path: Path, tenant: str, owner: Owner | None = None) -> None:
        self._file = ArrowSqliteFile(path, NAME, SQL, VERSION)
        self._tenant = tenant
        self._owner = owner or Owner()

    def define(self, workflow: str, version: str, definition: str) -> None:
        with self._file.transaction() as statements:
            statements.rows("define", self._tenant, workflow, version, definition)

    def definition(self, workflow: str, version: str) -> str | None:
        with self._file.reading() as statements:
            found = statements.rows("definition", self._tenant, workflow, version)
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
        with self._file.transaction() as statements:
            statements.ingest("incoming_entries", plain(without_nul(entries)))
            statements.rows("lock")
            rules = (again_after, json.dumps([*not_while]), json.dumps([*only_after]))
            begun = [name for (name,) in statements.rows("enter", self._tenant, *rules)]
            statements.rows("tell_entered", self._tenant, json.dumps(begun))
            found = (
                self._find(statements, begun) if lease_until is None else self._claim(statements, begun, lease_until)
            )
            return found.sort_by([("entered_at", "ascending"), ("execution_id", "ascending")])

    def due(self, workflows: Sequence[str], now: int, most: int, lease_until: int) -> pa.RecordBatch:
        asked = (now, json.dumps([*workflows]), most)
        if self._none("due", *asked):
            return _NO_EXECUTIONS
        with self._file.transaction() as statements:
            statements.rows("lock")
            found = [name for (name,) in statements.rows("due", self._tenant, *asked)]
            claimed = self._claim(statements, found, lease_until)
        return claimed.sort_by([("due", "ascending"), ("execution_id", "ascending")])

    def concerned(self, workflow: str, user_ids: Sequence[str], now: int, lease_until: int) -> Claimed:
        asked = (now, workflow, json.dumps([*user_ids]), json.dumps([*self._owner.gone]))
        if self._none("alive_of_users", *asked):
            return Claimed(_NO_EXECUTIONS, ())
        with self._file.transaction() as statements:
            statements.rows("lock")
            found = statements.rows("alive_of_users", self._tenant, *asked)
            claimed = self._claim(statements, [name for name, _, free in found if free], lease_until)
        return Claimed(claimed, tuple(sorted({user for _, user, free in found if not free})))

    def save(self, executions: pa.RecordBatch, history: pa.RecordBatch, effects: pa.RecordBatch) -> int:
        given = {"incoming_executions": executions, "incoming_history": history, "incoming_effects": effects}
        with self._file.transaction() as statements:
            for table, rows in given.items():
                statements.ingest(table, plain(without_nul(rows)))
            for name in ("save_history", "save_effects", "save_executions"):
                statements.rows(name, self._tenant)
            return int(statements.rows("last_change")[0][0])

    def release(self, executions: pa.RecordBatch) -> None:
        with self._file.transaction() as statements:
            statements.ingest("incoming_executions", plain(without_nul(executions)))
            statements.rows("release", self._tenant)

    def free(self, until: int) -> None:
        with self._file.transaction() as statements:
            for name in ("free_executions", "free_effects"):
                statements.rows(name, self._tenant, until)

    def effects(
        self, kinds: Sequence[str], workflows: Sequence[str], now: int, most: int, lease_until: int
    ) -> pa.RecordBatch:
        asked = (now, json.dumps([*kinds]), json.dumps([*workflows]), most)
        if self._none("due_effects", *asked):
            return _NO_EFFECTS
        with self._file.transaction() as statements:
            statements.rows("lock")
            names = json.dumps([name for (name,) in statements.rows("due_effects", self._tenant, *asked)])
            statements.rows("lease_effects", self._tenant, names, lease_until)
            return shaped(statements.table("find_effects", self._tenant, names), EFFECTS)

    def settle(self, names: Sequence[str]) -> int:
        with self._file.transaction() as statements:
            settled = [name for (name,) in statements.rows("settle", self._tenant, json.dumps([*names]))]
            updated = json.dumps([name for name in settled if name is not None])
            statements.rows("count_updates", self._tenant, updated)
            return len(settled)

    def measure(self, measured: pa.RecordBatch) -> None:
        with self._file.transaction() as statements:
            statements.ingest("incoming_measured", measured)
            statements.rows("measure", self._tenant)

    def measured(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        return self._read("measured", MEASURED, json.dumps([*execution_ids]))

    def mark(self, name: str) -> str | None:
        with self._file.reading() as statements:
            found = statements.rows("mark", self._tenant, name)
        return found[0][0] if found else None

    def set_mark(self, name: str, value: str) -> None:
        with self._file.transaction() as statements:
            statements.rows("set_mark", self._tenant, name, value)

    def history(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        return self._read("history", HISTORY, json.dumps([*execution_ids]))

    def find(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        return self._read("find_executions", EXECUTIONS, json.dumps([*execution_ids]))

    def of_user(self, user_id: str) -> pa.RecordBatch:
        return self._read("executions_of_user", EXECUTIONS, user_id)

    def of_workflow(self, workflow: str, states: Sequence[str], after: str, most: int) -> pa.RecordBatch:
        return self._read("executions_of_workflow", EXECUTIONS, workflow, json.dumps([*states]), after, most)

    def counts(self, workflow: str) -> pa.RecordBatch:
        return self._read("count_executions", COUNTS, workflow)

    def cancel(self, execution_ids: Sequence[str], now: int) -> int:
        return self._interfere("tell_cancelled", "cancel", execution_ids, now)

    def retry(self, execution_ids: Sequence[str], now: int) -> int:
        return self._interfere("tell_retried", "retry", execution_ids, now)

    def close(self) -> None:
        self._file.close()

    def _none(self, name: str, *values: object) -> bool:
        """Whether a statement finds nothing now: whoever would claim what it finds need not wait for the writers, nor for the disk."""
        with self._file.reading() as statements:
            return not statements.rows(name, self._tenant, *values)

    def _claim(self, statements: Statements, names: list[str], lease_until: int) -> pa.RecordBatch:
        statements.rows("claim", self._tenant, json.dumps(names), lease_until, self._owner.name)
        return self._find(statements, names)

    def _find(self, statements: Statements, names: list[str]) -> pa.RecordBatch:
        return shaped(statements.table("find_executions", self._tenant, json.dumps(names)), EXECUTIONS)

    def _read(self, name: str, schema: pa.Schema, *values: object) -> pa.RecordBatch:
        with self._file.reading() as statements:
            return shaped(statements.table(name, self._tenant, *values), schema)

    def _interfere(self, tell: str, change: str, names: Sequence[str], now: int) -> int:
        with self._file.transaction() as statements:
            statements.rows("lock")
            for name in (tell, change):
                statements.rows(name, self._tenant, now, json.dumps([*names]))
            return int(statements.rows("last_change")[0][0])
