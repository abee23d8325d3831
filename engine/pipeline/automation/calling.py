"""Calls to other people's addresses are made, and what they answered is told to the executions that wait for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from engine.errors import CampaignError, Diagnostic
from engine.monitoring import Stages
from engine.pipeline.automation.contract import LEASE
from engine.pipeline.automation.moving import Moved, Mover
from engine.pipeline.automation.programs import Programs
from engine.workflow.cohort import REPLY
from engine.workflow.executions import ExecutionStore, State
from engine.workflow.webhooks import Answer, Call, calls, replies

MakeCalls = Callable[[Sequence[Call]], Sequence[tuple[Call, Answer, int]]]
"""Makes calls; gives those that were made, what came of each, and when (UTC microseconds). The others come again."""
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between two tries to claim an execution that somebody else has just now, or whose update is not in the store yet."""
_LEFT = (State.EXITED, State.CANCELLED)


@dataclass(slots=True)
class Called:
    settled: int = 0
    faults: list[Diagnostic] = field(default_factory=list)


class Caller:
    """Does effects of kind CALL, for any thread. ``wall`` gives UTC microseconds, ``monotonic`` seconds, ``pause`` waits for some.

    A call is made at least once, and always with the same idempotency key. One to which the answer is already saved is settled without
    being made: its worker was lost in between. One whose execution an exit has ended, or somebody has cancelled, is made: it was decided
    before, as what is mailed was. One that waits for its turn, or whose execution stays busy, comes again when the lease of its effect
    ends; so does one of a version that has no program to take the answer, and is not made before it has.
    """

    def __init__(
        self,
        programs: Programs,
        executions: ExecutionStore,
        mover: Mover,
        make: MakeCalls,
        wall: Callable[[], int],
        monotonic: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self._programs = programs
        self._executions = executions
        self._mover = mover
        self._make = make
        self._wall = wall
        self._monotonic = monotonic
        self._pause = pause

    def call(self, effects: pa.RecordBatch) -> Called:
        """Raises what a store raises; whatever is not settled by then comes again."""
        called = Called()
        for workflow in pc.unique(effects.column("workflow")).to_pylist():
            self._of_workflow(workflow, effects.filter(pc.equal(effects.column("workflow"), workflow)), called)
        return called

    def _of_workflow(self, workflow: str, effects: pa.RecordBatch, called: Called) -> None:
        found = self._executions.find(pc.unique(effects.column("execution_id")).to_pylist()).to_pylist()
        executions = {row["execution_id"]: row for row in found}
        wanted, settled = [], []
        for call in calls(effects):
            wanted.append(call) if _is_open(call, executions) else settled.append(call.name)
        broken = self._broken(workflow, {executions[call.execution_id]["version"] for call in wanted}, called)
        ready = [call for call in wanted if executions[call.execution_id]["version"] not in broken]
        answered: dict[str, list[tuple[Call, Answer, int]]] = {}
        for made in self._make(ready) if ready else ():
            row = executions[made[0].execution_id]
            if row["state"] in _LEFT:
                settled.append(made[0].name)
            else:
                answered.setdefault(row["user_id"], []).append(made)
        if answered:
            busy = self._tell(workflow, answered, called)
            settled += [call.name for user, each in answered.items() if user not in busy for call, _, _ in each]
        if settled:
            called.settled += self._executions.settle(settled)

    def _tell(
        self, workflow: str, answered: Mapping[str, Sequence[tuple[Call, Answer, int]]], called: Called
    ) -> set[str]:
        """Move on who waits for these answers; gives the people of whom an execution has not gone on."""
        told = replies(each for made in answered.values() for each in made)
        moved, stages, waiting = Moved(), Stages(self._monotonic), sorted(answered)
        for pause in (0.0, *PAUSES):
            if pause:
                self._pause(pause)
            now = self._wall()
            with stages.timed("claim", len(waiting)):
                claimed = self._executions.concerned(workflow, waiting, now, now + LEASE)
            self._mover.move(workflow, claimed.executions, now, moved, stages, replies=told)
            waiting = [*claimed.busy]
            if not waiting:
                break
        self._mover.measure(moved, stages)
        called.faults += moved.faults
        return {*waiting, *moved.left}

    def _broken(self, workflow: str, versions: set[str], called: Called) -> set[str]:
        broken = set()
        for version in sorted(versions):
            try:
                self._programs.workflow(workflow, version)
            except CampaignError as fault:
                broken.add(version)
                called.faults += fault.diagnostics
        return broken


def _is_open(call: Call, executions: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether nothing has come of this try of the step yet."""
    row = executions.get(call.execution_id)
    if row is None or (row["step"], row["occurrence"]) != (call.step, call.occurrence):
        return False
    return row["retry_count"] + 1 == call.attempt and (row["awaits"] == REPLY or row["state"] in _LEFT)
