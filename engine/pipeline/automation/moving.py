"""Claimed executions go on, version by version, and what they have come to is saved: the part that all tasks of a worker share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from engine.errors import CampaignError, Diagnostic, MailrayError
from engine.monitoring import Stages
from engine.pipeline.automation.contract import People
from engine.pipeline.automation.last_words import last_words
from engine.pipeline.automation.programs import Programs, Shared
from engine.workflow import Advanced, WorkflowProgram
from engine.workflow.executions import ALIVE, MEASURED, ExecutionStore

DATABASE = ("people", "enter", "claim", "save")
"""The stages that ask a database or a cache."""
MOST_FAILURES = 32
"""Of one version in one task; after so many no halves are tried."""

Usage = Callable[[], tuple[float, float]]
"""The process's memory (MB) and its use of a core since the last look (per cent)."""


@dataclass(slots=True)
class Moved:
    """``left`` are people of whom an execution is as it was: its program is broken, or somebody else has it now. ``ended`` are people
    of whom one has come to its end, and when (UTC microseconds)."""

    ids: list[str] = field(default_factory=list)
    executions: int = 0
    effects: int = 0
    left: set[str] = field(default_factory=set)
    ended: dict[str, int] = field(default_factory=dict)
    faults: list[Diagnostic] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Move:
    """What is told to the executions of a task at ``now``."""

    program: Shared[WorkflowProgram]
    now: int
    arrivals: pa.RecordBatch | None
    replies: pa.RecordBatch | None
    name: str


class Mover:
    """Moves executions that its caller has claimed, for any thread. ``monotonic`` gives seconds.

    A version that is not known, cannot be compiled, or whose program raises (an installed step may) stops nobody else: its executions
    are told in ``faults`` and stay claimed until the lease ends. Given back, they would at once be the first of all that are due, for
    ever; so they are tried again every two minutes, with whatever has been told to them meanwhile. Of a batch in which a program
    raises the halves are tried, so that one execution cannot keep those that happen to stand beside it.
    """

    def __init__(
        self,
        programs: Programs,
        executions: ExecutionStore,
        people: People,
        monotonic: Callable[[], float],
        usage: Usage,
    ) -> None:
        self._programs = programs
        self._executions = executions
        self._people = people
        self._monotonic = monotonic
        self._usage = usage

    def move(
        self,
        workflow: str,
        claimed: pa.RecordBatch,
        now: int,
        moved: Moved,
        stages: Stages,
        arrivals: pa.RecordBatch | None = None,
        replies: pa.RecordBatch | None = None,
    ) -> None:
        """Let EXECUTIONS of a workflow go on until ``now``, with ARRIVALS and REPLIES; what comes of it is added to ``moved``.

        People are asked for here, after the claim: an execution is not free before its own update is in the store. Raises what a store
        raises.
        """
        for version in sorted(set(claimed.column("version").to_pylist())):
            batch = claimed.filter(pc.equal(claimed.column("version"), version))
            with stages.timed("people", batch.num_rows):
                people, _ = self._people.rows(workflow, batch.column("user_id"))
            try:
                program = self._programs.workflow(workflow, version)
            except CampaignError as fault:
                moved.left.update(batch.column("user_id").to_pylist())
                moved.faults += fault.diagnostics
                continue
            move = _Move(program, now, arrivals, replies, f"version {version} of the workflow `{workflow}`")
            self._move(move, batch, people, moved, stages)

    def measure(self, moved: Moved, stages: Stages) -> None:
        """Note what it took to move executions, an equal share for each; rendering and sending are measured by whoever delivers.

        It costs a transaction a task, and 3 microseconds of processor time an execution (SQLite).
        """
        count = len(moved.ids)
        if not count:
            return
        figures = stages.as_dict()
        share = 1e3 * sum(figures[name]["seconds"] for name in DATABASE if name in figures) / count
        memory, cpu = self._usage()
        values = (share, 0.0, 0.0, memory, cpu)
        columns = [pa.array(moved.ids, pa.string()), *(pa.repeat(pa.scalar(each), count) for each in values)]
        self._executions.measure(pa.RecordBatch.from_arrays(columns, schema=MEASURED))

    def _move(self, move: _Move, batch: pa.RecordBatch, people: pa.RecordBatch, moved: Moved, stages: Stages) -> None:
        parts, failures, stuck = [(0, batch.num_rows)], 0, []
        while parts:
            start, rows = parts.pop()
            part = batch.slice(start, rows)
            try:
                advanced = self._advance(move, part, people.slice(start, rows), stages)
            except Exception as fault:  # whatever somebody else's step does
                failures += 1
                if rows > 1 and failures < MOST_FAILURES:
                    parts += [(start + rows // 2, rows - rows // 2), (start, rows // 2)]
                else:
                    stuck.append((part, fault))
                continue
            effects = last_words(advanced.effects)
            with stages.timed("save", rows):
                kept = self._executions.save(advanced.executions, advanced.history, effects)
            _note(moved, advanced.executions, kept, effects.num_rows)
        if stuck:
            _leave(moved, stuck, move.name)

    def _advance(self, move: _Move, executions: pa.RecordBatch, people: pa.RecordBatch, stages: Stages) -> Advanced:
        with move.program.used() as program, stages.timed("advance", executions.num_rows):
            return program.advance(executions, people, move.now, move.arrivals, move.replies, self._monotonic)


def _note(moved: Moved, executions: pa.RecordBatch, kept: int, effects: int) -> None:
    moved.executions += kept
    moved.effects += effects
    moved.ids += executions.column("execution_id").to_pylist()
    users = executions.column("user_id")
    if kept < executions.num_rows:
        # Somebody else has claimed or cancelled some: what they were told must be told again.
        moved.left.update(users.to_pylist())
    ended = pc.invert(pc.is_in(executions.column("state"), value_set=pa.array([*ALIVE], pa.string())))
    at = executions.column("ended_at").view(pa.int64()).filter(ended)
    moved.ended.update(zip(users.filter(ended).to_pylist(), at.to_pylist(), strict=True))


def _leave(moved: Moved, stuck: Sequence[tuple[pa.RecordBatch, Exception]], name: str) -> None:
    for part, _ in stuck:
        moved.left.update(part.column("user_id").to_pylist())
    (first, fault), count = stuck[0], sum(part.num_rows for part, _ in stuck)
    why = fault.diagnostics[0].message if isinstance(fault, MailrayError) else type(fault).__name__
    message = f"{name} fails at {count:,} executions, such as {first.column('execution_id')[0].as_py()}: {why}"
    moved.faults.append(Diagnostic("MR862", message, help="they stand still, and are tried again every two minutes"))
