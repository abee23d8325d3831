"""One partition of people, from the first slice of time to the last. Other people change nothing for them, so nobody waits for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from engine.pipeline.simulation.admission import Admission
from engine.pipeline.simulation.contract import DAY, MINUTE, SLICE, SimulationPlan, Told
from engine.pipeline.simulation.entrances import Candidates, Entrances
from engine.pipeline.simulation.figures import Figures, count_into
from engine.pipeline.simulation.gate import SimulatedGate
from engine.pipeline.simulation.happenings import Happenings, changes
from engine.pipeline.simulation.hours import ZoneClocks
from engine.pipeline.simulation.outcome import messages_told
from engine.pipeline.simulation.passages import Passages
from engine.pipeline.simulation.people import Mask, Updates, VirtualPeople
from engine.pipeline.simulation.program import SimulatedProgram, in_one_group
from engine.pipeline.simulation.telling import Telling
from engine.workflow.scope import StepKind

_BASE = 1 << 32  # positions of one slice's arrivals; no partition has as many events


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a partition comes to; ``messages`` are MESSAGES by person and time."""

    figures: Figures
    messages: pa.Table


class Simulation:
    """A plan, compiled. Raises CampaignError for what is wrong with its expressions or steps."""

    def __init__(self, plan: SimulationPlan, installed: Mapping[str, StepKind], slice_: int = SLICE) -> None:
        self._plan, self._slice = plan, slice_
        self._programs = [SimulatedProgram(each, installed) for each in plan.workflows]
        self._gate = SimulatedGate(self._programs, plan.end)
        self._clocks = ZoneClocks(plan.start - DAY, plan.end + 5 * DAY)

    def of(self, people: Sequence[pa.Table], events: pa.Table, told: Told = lambda _: None) -> Simulated:
        """``people`` of each workflow have the columns of ``SimulatedWorkflow.people``, ``events`` (EVENTS) are all of theirs."""
        plan = self._plan
        passing = _Passing(plan, self._programs, VirtualPeople(self._programs, people), events)
        after = plan.start - 1
        while after < plan.end - 1:
            until = min(after + self._slice, plan.end - 1)
            passing.go_on(after, until)
            told(until - after)
            after = until
        return passing.close(self._gate, self._clocks)


class _Passing:
    """A partition on its way through time."""

    def __init__(
        self, plan: SimulationPlan, programs: Sequence[SimulatedProgram], people: VirtualPeople, events: pa.Table
    ) -> None:
        self._plan, self._programs, self._people = plan, programs, people
        self._happenings = Happenings(events, people.keys, programs)
        self._passages = [Passages(len(people)) for _ in programs]
        self._entrances = [Entrances(each, number, people, plan.start) for number, each in enumerate(programs)]
        self._figures = Figures.blank(plan)
        self._telling = [
            Telling(each, number, plan, figures, people, self._figures.items[each.priority])
            for number, (each, figures) in enumerate(zip(programs, self._figures.workflows, strict=True))
        ]
        self._together = in_one_group(programs)
        self._groups = [0 if self._together else number for number in range(len(programs))]
        self._waiting: list[tuple[int, Candidates]] = []
        self._changed = np.zeros(0, dtype=np.int64)
        self._slices = 0

    def go_on(self, after: int, until: int) -> None:
        """All that happens behind an instant and up to another."""
        self._slices += 1
        when = self._happenings.between(after, until)
        arrivals = [self._arrivals(number, when, after) for number in range(len(self._programs))]
        stale = np.zeros((len(self._programs), len(self._people)), dtype=np.bool_)
        for number, (passages, (_, told)) in enumerate(zip(self._passages, arrivals, strict=True)):
            passages.stale = (passages.due <= until) | told[passages.person]
            stale[self._groups[number], passages.person[passages.stale]] = True
        admission = Admission(self._candidates(after, until, when), self._programs, self._passages, self._groups)
        updates: list[Updates] = []
        while True:
            admission.decide(stale, self._telling)
            if not stale.any():
                break
            for number, (news, _) in enumerate(arrivals):
                updates += self._advance(number, until, news)
            stale[:] = False
        self._close_slice(until, updates)

    def close(self, gate: SimulatedGate, clocks: ZoneClocks) -> Simulated:
        figures, happenings = self._figures, self._happenings
        figures.people = len(self._people)
        figures.events, figures.strangers, figures.repeated = len(happenings), happenings.strangers, happenings.repeated
        for number, (telling, passages) in enumerate(zip(self._telling, self._passages, strict=True)):
            telling.close(passages, self._people.known[number])
            self._count_events(number)
        messages = Telling.messages(self._telling)
        passed = gate.let_pass(messages, self._people, clocks)
        clock = clocks[ZoneInfo(self._plan.zone).key]
        return Simulated(
            figures, messages_told(messages, passed, figures, self._plan, self._programs, self._people, clock)
        )

    def _arrivals(self, number: int, when: slice, after: int) -> tuple[pa.RecordBatch, Mask]:
        """What the executions of a workflow are told in a slice, and by person who is concerned."""
        base = self._slices * _BASE
        rows = self._happenings.concerning(number, when)
        told = np.zeros(len(self._people), dtype=np.bool_)
        told[self._happenings.person[rows]] = True
        news = self._happenings.arrivals(rows, base)
        if self._programs[number].watches and len(self._changed):
            told[self._changed] = True
            news = pa.concat_batches([changes(self._people.keys.take(pa.array(self._changed)), after, base), news])
        return news, told

    def _candidates(self, after: int, until: int, when: slice) -> list[tuple[int, Candidates]]:
        found, self._waiting = self._waiting, []
        for number, entrances in enumerate(self._entrances):
            found += [(number, each) for each in entrances.between(after, until, self._happenings, when)]
        return found

    def _advance(self, number: int, clock: int, news: pa.RecordBatch) -> list[Updates]:
        """Let all executions of a workflow that have not been worked on in this slice go on."""
        passages, program = self._passages[number], self._programs[number]
        rows = np.flatnonzero(passages.stale)
        if not len(rows):
            return []
        index, person = pa.array(rows), passages.person[rows]
        executions = passages.executions.take(index)
        advanced = program.workflow.advance(executions, self._people.rows(number, person), clock, news)
        branch = passages.branch[rows]
        updates = self._telling[number].tell(advanced, executions, person, branch)
        states = passages.replace(rows, advanced.executions, branch)
        self._telling[number].ends(states, advanced.executions)
        return updates

    def _close_slice(self, until: int, updates: Sequence[Updates]) -> None:
        self._changed = np.zeros(0, dtype=np.int64)
        if updates:
            self._people.update(updates)
            self._changed = np.unique(np.concatenate([each.person for each in updates]))
        for number, entrances in enumerate(self._entrances):
            self._waiting += [(number, each) for each in entrances.at_the_end(until)]

    def _count_events(self, number: int) -> None:
        minutes = (self._happenings.at[self._happenings.items(number)] - self._plan.start) // MINUTE
        count_into(self._figures.items[self._programs[number].priority], minutes)
