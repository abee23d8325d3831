"""What operators ask of executions and do to them, some thousand at a time, so that nothing grows with how many there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engine.errors import Diagnostic, UsageError, did_you_mean
from engine.workflow.executions import ALIVE, EXECUTIONS, ExecutionStore, State

BATCH = 1_000
_SAME_DIGITS = 6  # that two ids begin with, so that one may be meant for the other
Clock = Callable[[], int]
"""UTC microseconds."""


class Intervention(StrEnum):
    RETRY = "retry"
    CANCEL = "cancel"


REACHES: Mapping[Intervention, Sequence[State]] = {Intervention.RETRY: (State.FAILED,), Intervention.CANCEL: ALIVE}
"""The states in which an execution can be intervened in so; in others nothing changes."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a workflow, the ids of its steps, and how many executions are ``alive`` on it or have ``ended``."""

    version: str
    steps: list[str]
    alive: int
    ended: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The first ``executions`` (EXECUTIONS) of ``total``."""

    executions: pa.RecordBatch
    total: int


def check_workflow(store: ExecutionStore, workflow: str) -> None:
    """Raises UsageError (MR183) with the near match when the store knows no such workflow."""
    known = known_workflows(store)
    if workflow not in known:
        raise UsageError.single("MR183", f"no workflow `{workflow}` is known", help=did_you_mean(workflow, known))


def check_ids(store: ExecutionStore, ids: Sequence[str]) -> pa.RecordBatch:
    """The executions of these ids, as EXECUTIONS. Raises UsageError (MR182) with each that is not known, and its near match."""
    found = store.find([each for each in ids if each.isascii()])
    known = set(found.column("execution_id").to_pylist())
    strange = [each for each in dict.fromkeys(ids) if each not in known]
    if strange:
        raise UsageError(
            *(Diagnostic("MR182", f"no execution `{each}` is known", help=_near(store, each)) for each in strange)
        )
    return found


def known_workflows(store: ExecutionStore) -> list[str]:
    return sorted(set(store.versions().column("workflow").to_pylist()))


def versions_of(store: ExecutionStore, workflow: str) -> list[Version]:
    """The versions of a workflow that were ever begun, by name. One whose definition cannot be read has no steps."""
    counts = standing(store, workflow, list(State))
    found = []
    for row in store.versions().to_pylist():
        if row["workflow"] == workflow:
            mine = [each for each in counts if each["version"] == row["version"]]
            alive = sum(each["executions"] for each in mine if each["state"] in ALIVE)
            steps = _steps(store.definition(workflow, row["version"]) or "")
            total = sum(each["executions"] for each in mine)
            found.append(Version(row["version"], steps, alive, total - alive))
    return found


def standing(store: ExecutionStore, workflow: str, states: Sequence[str]) -> list[dict[str, Any]]:
    """How many executions stand where: rows of ``ExecutionStore.counts`` in some states."""
    return [row for row in store.counts(workflow).to_pylist() if row["state"] in states]


def listing(store: ExecutionStore, workflow: str | None, user: str | None, states: Sequence[str], most: int) -> Listing:
    """Executions by workflow and ``execution_id``; one person's by when they entered. Raises UsageError (MR183)."""
    if workflow is not None:
        check_workflow(store, workflow)
    if user is not None:
        found = store.of_user(user) if _is_text(user) else store.find([])
        found = found.filter(pc.is_in(found.column("state"), pa.array(states, pa.string())))
        if workflow is not None:
            found = found.filter(pc.equal(found.column("workflow"), workflow))
        return Listing(found.slice(0, most), found.num_rows)
    names = known_workflows(store) if workflow is None else [workflow]
    total = sum(row["executions"] for name in names for row in standing(store, name, states))
    pages: list[pa.RecordBatch] = []
    for name in names:
        if most > 0:
            pages.append(store.of_workflow(name, states, "", most))
            most -= pages[-1].num_rows
    table = pa.Table.from_batches(pages, schema=EXECUTIONS).combine_chunks()
    return Listing(pa.RecordBatch.from_arrays([_whole(each) for each in table.columns], schema=EXECUTIONS), total)


def pages(store: ExecutionStore, workflow: str, states: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """All executions of a workflow in some states, some at a time; who comes to be in one behind the last page is not met."""
    after = ""
    while (page := store.of_workflow(workflow, states, after, BATCH)).num_rows:
        yield page
        after = page.column("execution_id")[-1].as_py()


def intervene(store: ExecutionStore, what: Intervention, ids: Sequence[str], clock: Clock) -> int:
    """Do it to all of these executions that it reaches; gives how many those are. Raises UsageError (MR182), and then does nothing."""
    check_ids(store, ids)
    act = _act(store, what)
    return sum(act(ids[first : first + BATCH], clock()) for first in range(0, len(ids), BATCH))


def intervene_in_all(store: ExecutionStore, what: Intervention, workflow: str, clock: Clock) -> int:
    """Do it to all of a workflow's executions that it reaches. Whoever is killed on the way has done a part, and repeats it."""
    check_workflow(store, workflow)
    act = _act(store, what)
    return sum(act(page.column("execution_id").to_pylist(), clock()) for page in pages(store, workflow, REACHES[what]))


def _act(store: ExecutionStore, what: Intervention) -> Callable[[Sequence[str], int], int]:
    return store.retry if what is Intervention.RETRY else store.cancel


def _near(store: ExecutionStore, given: str) -> str:
    """An id that begins in the same way, or where ids are listed."""
    begin = given[:_SAME_DIGITS]
    if len(begin) == _SAME_DIGITS and begin.isascii():
        for workflow in known_workflows(store):
            for each in store.of_workflow(workflow, list(State), begin, 1).column("execution_id").to_pylist():
                if each.startswith(begin):
                    return f"did you mean `{each}`?"
    return "`mailray executions list` names them"


def _steps(definition: str) -> list[str]:
    try:
        return [step["id"] for step in json.loads(definition)["workflow"]]
    except (ValueError, KeyError, TypeError):
        return []


def _is_text(given: str) -> bool:
    """What a terminal gives may be no UTF-8, and no store has it."""
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)
