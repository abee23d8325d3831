"""The store of executions that is gone when the process ends: for simulations and tests."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from engine.workflow.executions import (
    ALIVE,
    EFFECTS,
    EXECUTIONS,
    HISTORY,
    MEASURED,
    PEAKS,
    Claimed,
    EffectKind,
    Outcome,
    State,
)

Row = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VERSIONS = pa.schema([("workflow", pa.string()), ("version", pa.string())])
COUNTS = pa.schema(
    [("version", pa.string()), ("state", pa.string()), ("step", pa.string()), ("executions", pa.int64())]
)


class MemoryExecutions:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._definitions: dict[tuple[str, str], str] = {}
        self._executions: dict[str, Row] = {}
        self._by_user: dict[str, list[str]] = {}
        self._history: dict[str, list[Row]] = {}
        self._effects: dict[str, Row] = {}
        self._open: dict[str, int] = {}  # effects that are not settled, each with the end of its lease
        self._updates: dict[str, set[str]] = {}  # by execution, those of them that are updates
        self._leases: dict[str, int] = {}
        self._measured: dict[str, Row] = {}
        self._marks: dict[str, str] = {}

    def define(self, workflow: str, version: str, definition: str) -> None:
        with self._lock:
            self._definitions.setdefault((workflow, version), definition)

    def definition(self, workflow: str, version: str) -> str | None:
        return self._definitions.get((workflow, version))

    def versions(self) -> pa.RecordBatch:
        with self._lock:
            return _batch([dict(zip(VERSIONS.names, key, strict=True)) for key in sorted(self._definitions)], VERSIONS)

    def enter(
        self,
        entries: pa.RecordBatch,
        again_after: int | None,
        not_while: Sequence[str] = (),
        only_after: Sequence[str] = (),
        lease_until: int | None = None,
    ) -> pa.RecordBatch:
        with self._lock:
            wanted = sorted(entries.to_pylist(), key=lambda row: (row["at"], row["execution_id"]))
            begun = [
                self._begin(row)
                for row in wanted
                if row["execution_id"] not in self._executions
                and self._may_enter(row, again_after, not_while, only_after)
            ]
            return _batch(begun, EXECUTIONS) if lease_until is None else self._claim(begun, lease_until)

    def due(self, workflows: Sequence[str], now: int, most: int, lease_until: int) -> pa.RecordBatch:
        with self._lock:
            found = [
                row
                for row in self._executions.values()
                if row["workflow"] in workflows
                and row["state"] in ALIVE
                and row["due"]
                and _micros(row["due"]) <= now
                and self._free(row, now)
            ]
            found.sort(key=lambda row: (row["due"], row["execution_id"]))
            return self._claim(found[:most], lease_until)

    def concerned(self, workflow: str, user_ids: Sequence[str], now: int, lease_until: int) -> Claimed:
        with self._lock:
            alive = [
                row
                for user in dict.fromkeys(user_ids)
                for row in self._of(user)
                if row["workflow"] == workflow and row["state"] in ALIVE
            ]
            busy = sorted({row["user_id"] for row in alive if not self._free(row, now)})
            return Claimed(self._claim([row for row in alive if self._free(row, now)], lease_until), tuple(busy))

    def save(self, executions: pa.RecordBatch, history: pa.RecordBatch, effects: pa.RecordBatch) -> int:
        with self._lock:
            kept = {
                row["execution_id"]: row
                for row in executions.to_pylist()
                if self._executions[row["execution_id"]]["claim"] == row["claim"]
            }
            for name, row in kept.items():
                self._executions[name] = row
                self._leases.pop(name, None)
            for row in history.to_pylist():
                if row["execution_id"] in kept:
                    self._history[row["execution_id"]].append(row)
            for row in effects.to_pylist():
                if row["execution_id"] in kept and row["name"] not in self._effects:
                    self._effects[row["name"]] = row
                    self._open[row["name"]] = 0
                    if row["kind"] == EffectKind.UPDATE:
                        self._updates.setdefault(row["execution_id"], set()).add(row["name"])
            return len(kept)

    def release(self, executions: pa.RecordBatch) -> None:
        with self._lock:
            for row in executions.to_pylist():
                if self._executions[row["execution_id"]]["claim"] == row["claim"]:
                    self._leases.pop(row["execution_id"], None)

    def free(self, until: int) -> None:
        with self._lock:
            self._leases = {name: end for name, end in self._leases.items() if end > until}
            self._open = {name: end if end > until else 0 for name, end in self._open.items()}

    def effects(
        self, kinds: Sequence[str], workflows: Sequence[str], now: int, most: int, lease_until: int
    ) -> pa.RecordBatch:
        with self._lock:
            free = [self._effects[name] for name, until in self._open.items() if until <= now]
            free = [row for row in free if row["kind"] in kinds and row["workflow"] in workflows]
            free.sort(key=lambda row: (row["at"], row["name"]))
            self._open.update({row["name"]: lease_until for row in free[:most]})
            return _batch(free[:most], EFFECTS)

    def settle(self, names: Sequence[str]) -> int:
        with self._lock:
            settled = [name for name in dict.fromkeys(names) if self._open.pop(name, None) is not None]
            for name in settled:
                self._updates.get(self._effects[name]["execution_id"], set()).discard(name)
            return len(settled)

    def measure(self, measured: pa.RecordBatch) -> None:
        with self._lock:
            for row in measured.to_pylist():
                name = row["execution_id"]
                if name in self._executions:
                    known = self._measured.get(name)
                    self._measured[name] = row if known is None else _together(known, row)

    def measured(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        with self._lock:
            known = sorted({*execution_ids} & self._measured.keys())
            return _batch([self._measured[name] for name in known], MEASURED)

    def mark(self, name: str) -> str | None:
        return self._marks.get(name)

    def set_mark(self, name: str, value: str) -> None:
        with self._lock:
            self._marks[name] = value

    def history(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        with self._lock:
            rows = [row for name in sorted(set(execution_ids)) for row in self._history.get(name, ())]
            return _batch(sorted(rows, key=lambda row: (row["execution_id"], row["move"])), HISTORY)

    def find(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        with self._lock:
            known = sorted({*execution_ids} & self._executions.keys())
            return _batch([self._executions[name] for name in known], EXECUTIONS)

    def of_user(self, user_id: str) -> pa.RecordBatch:
        with self._lock:
            return _batch(
                sorted(self._of(user_id), key=lambda row: (row["entered_at"], row["execution_id"])), EXECUTIONS
            )

    def of_workflow(self, workflow: str, states: Sequence[str], after: str, most: int) -> pa.RecordBatch:
        with self._lock:
            names = sorted(
                name for name, row in self._executions.items() if name > after and row["workflow"] == workflow
            )
            rows = [self._executions[name] for name in names if self._executions[name]["state"] in states]
            return _batch(rows[:most], EXECUTIONS)

    def counts(self, workflow: str) -> pa.RecordBatch:
        with self._lock:
            counted: dict[tuple[str, str, str], int] = {}
            for row in self._executions.values():
                if row["workflow"] == workflow:
                    key = (row["version"], row["state"], row["step"])
                    counted[key] = counted.get(key, 0) + 1
            rows = [dict(zip(COUNTS.names, (*key, number), strict=True)) for key, number in sorted(counted.items())]
            return _batch(rows, COUNTS)

    def cancel(self, execution_ids: Sequence[str], now: int) -> int:
        ended = {"state": State.CANCELLED, "due": None, "until": None, "awaits": None, "ended_at": _instant(now)}
        return self._interfere(execution_ids, ALIVE, now, Outcome.CANCELLED, ended)

    def retry(self, execution_ids: Sequence[str], now: int) -> int:
        ready = {"state": State.READY, "due": _instant(now), "retry_count": 0, "ended_at": None, "error": None}
        return self._interfere(execution_ids, (State.FAILED,), now, Outcome.RETRIED, ready)

    def close(self) -> None:
        """Nothing is open."""

    def _of(self, user: str) -> list[Row]:
        return [self._executions[name] for name in self._by_user.get(user, ())]

    def _may_enter(
        self, entry: Row, again_after: int | None, not_while: Sequence[str], only_after: Sequence[str]
    ) -> bool:
        theirs = self._of(entry["user_id"])
        return (
            all(_may_follow(row, entry["at"], again_after) for row in theirs if row["workflow"] == entry["workflow"])
            and not any(row["state"] in ALIVE for row in theirs if row["workflow"] in not_while)
            and {row["workflow"] for row in theirs if row["state"] == State.DONE}.issuperset(only_after)
        )

    def _begin(self, entry: Row) -> Row:
        name, user, at = entry["execution_id"], entry["user_id"], entry["at"]
        row = dict.fromkeys(EXECUTIONS.names) | {
            **{
                key: entry[key]
                for key in ("execution_id", "workflow", "version", "user_id", "trigger", "step", "context")
            },
            **{"state": State.READY, "occurrence": 0, "retry_count": 0, "moves": 0, "claim": 0, "seen": 0},
            **{"entered_at": at, "arrived_at": at, "due": at},
        }
        self._history[name] = []
        self._executions[name] = self._told(row, at, Outcome.ENTERED, entry["trigger"])
        self._by_user.setdefault(user, []).append(name)
        return self._executions[name]

    def _told(self, row: Row, at: datetime, outcome: Outcome, output: str | None = None) -> Row:
        """A row of history that no step has made; gives the execution with one move more."""
        told = dict.fromkeys(HISTORY.names) | {
            **{key: row[key] for key in ("execution_id", "step", "occurrence")},
            **{"move": row["moves"], "at": at, "attempt": row["retry_count"] + 1, "outcome": outcome, "output": output},
            **{"stood_us": _micros(at) - _micros(row["arrived_at"]), "lag_us": 0, "work_us": 0.0},
        }
        self._history[row["execution_id"]].append(told)
        return row | {"moves": row["moves"] + 1}

    def _interfere(
        self, names: Sequence[str], states: Sequence[str], now: int, outcome: Outcome, changes: Mapping[str, Any]
    ) -> int:
        with self._lock:
            found = [self._executions[name] for name in dict.fromkeys(names) if name in self._executions]
            found = [row for row in found if row["state"] in states]
            for row in found:
                changed = self._told(row, _instant(now), outcome) | dict(changes) | {"claim": row["claim"] + 1}
                changed["occurrence"] += outcome is Outcome.RETRIED
                self._executions[row["execution_id"]] = changed
                self._leases.pop(row["execution_id"], None)
            return len(found)

    def _free(self, row: Row, now: int) -> bool:
        name = row["execution_id"]
        return self._leases.get(name, 0) <= now and not self._updates.get(name)

    def _claim(self, rows: Iterable[Row], lease_until: int) -> pa.RecordBatch:
        claimed = [row | {"claim": row["claim"] + 1} for row in rows]
        for row in claimed:
            self._executions[row["execution_id"]] = row
            self._leases[row["execution_id"]] = lease_until
        return _batch(claimed, EXECUTIONS)


def _may_follow(earlier: Row, at: datetime, again_after: int | None) -> bool:
    if again_after is None or earlier["state"] in ALIVE or earlier["ended_at"] > at:
        return False
    return bool(earlier["entered_at"] + timedelta(microseconds=again_after) <= at)


def _together(known: Row, more: Row) -> Row:
    peaks = {name: max(known[name], more[name]) for name in PEAKS}
    return (
        {name: known[name] + more[name] for name in MEASURED.names[1:]}
        | peaks
        | {"execution_id": known["execution_id"]}
    )


def _batch(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
