"""What one workflow's executions tell on their way: figures, messages, and changes of attributes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.campaign.steps import ConditionalBranch, SegmentUser, UpdateUserData, WaitCondition
from engine.pipeline.simulation.contract import DAY, MINUTE, SimulationPlan
from engine.pipeline.simulation.figures import ENDS, OUTCOMES, Numbers, Refusal, WorkflowFigures, count_into
from engine.pipeline.simulation.gate import Messages
from engine.pipeline.simulation.passages import STATES, Passages
from engine.pipeline.simulation.people import Mask, Persons, Updates, VirtualPeople
from engine.pipeline.simulation.program import SimulatedProgram, split_of
from engine.workflow import Advanced
from engine.workflow.executions import EffectKind, Outcome

Codes = npt.NDArray[np.int32]
_DONE, _TIMED_OUT, _GOAL = (OUTCOMES.index(each) for each in (Outcome.DONE, Outcome.TIMED_OUT, Outcome.GOAL))


class Telling:
    """``branches`` are where the workflow's splits lead, as `STEP:TARGET`; a message names one of them by its place. ``items`` are the
    minutes of the workflow's priority, in which its work is counted."""

    def __init__(
        self,
        program: SimulatedProgram,
        number: int,
        plan: SimulationPlan,
        figures: WorkflowFigures,
        people: VirtualPeople,
        items: Numbers,
    ) -> None:
        self._program, self._number, self._plan, self._figures, self._people, self._items = (
            program,
            number,
            plan,
            figures,
            people,
            items,
        )
        self._steps = pa.array(program.steps)
        self._sends = program.sends
        self._waits = program.places(WaitCondition)
        self._setting = program.places(UpdateUserData)
        self._telling_ways = [*program.places(ConditionalBranch), *program.places(SegmentUser)]
        self._branches = pa.array(branches_of(program), pa.string())
        self._messages: list[tuple[Persons, npt.NDArray[np.int64], Codes, Codes, npt.NDArray[np.int8]]] = []

    def refused(self, counts: Sequence[int]) -> None:
        self._figures.refused.update(dict(zip(map(str, Refusal), counts, strict=True)))

    def begin(self, entries: pa.RecordBatch) -> None:
        at = _micros(entries.column("at"))
        count_into(self._figures.entered, self._days(at))
        if self._program.trigger_event is None:
            self._work(at)

    def tell(self, advanced: Advanced, executions: pa.RecordBatch, persons: Persons, branch: Codes) -> list[Updates]:
        """Count what executions of ``persons`` have done, and put the split that each took last into ``branch``."""
        history = advanced.history
        if history.num_rows:
            self._count(history, executions, persons, branch)
        if not self._setting:
            return []
        return self._updates(advanced.effects, executions, persons)

    def ends(self, states: npt.NDArray[np.int8], executions: pa.RecordBatch) -> None:
        """Count those that have ended by now; ``states`` are places in STATES."""
        for place, state in enumerate(ENDS):
            over = np.flatnonzero(states == STATES.index(state))
            count_into(
                self._figures.ended[place], self._days(_micros(executions.column("ended_at").take(pa.array(over))))
            )

    def close(self, passages: Passages, known: Mask) -> None:
        self._figures.people, self._figures.alive = int(known.sum()), len(passages.person)
        steps = np.asarray(pc.index_in(passages.executions.column("step"), value_set=self._steps))
        arrived = _micros(passages.executions.column("arrived_at"))
        self._count_looks(steps, arrived, np.full(len(steps), self._plan.end))

    @staticmethod
    def messages(telling: Sequence[Telling]) -> Messages:
        """All messages that were decided on, of all workflows."""
        parts = [(each._number, *part) for each in telling for part in each._messages]
        kinds = (np.int64, np.int64, np.int32, np.int32, np.int8)
        columns = [
            np.concatenate([*(part[place] for part in parts), np.zeros(0, dtype=kind)])
            for place, kind in enumerate(kinds, start=1)
        ]
        person, at, step, branch, verdict = columns
        workflow = np.repeat([part[0] for part in parts], [len(part[1]) for part in parts]).astype(np.int16)
        return Messages(person, at, workflow, step, branch, verdict)

    def _count(self, history: pa.RecordBatch, executions: pa.RecordBatch, persons: Persons, branch: Codes) -> None:
        row = np.asarray(pc.index_in(history.column("execution_id"), value_set=executions.column("execution_id")))
        step = np.asarray(pc.index_in(history.column("step"), value_set=self._steps))
        outcomes = history.column("outcome").dictionary_encode()
        code = np.array([OUTCOMES.index(Outcome(each)) for each in outcomes.dictionary.to_pylist()], dtype=np.int8)
        outcome = code[outcomes.indices.to_numpy()]
        worked = np.asarray(pc.is_valid(history.column("type")))
        at, stood = _micros(history.column("at")), history.column("stood_us").to_numpy()
        count_into(self._figures.steps, step[worked], outcome[worked])
        count_into(self._figures.goals, self._days(at[outcome == _GOAL]))
        told = worked & (outcome == _DONE)
        self._count_ways(history, step, told)
        waited = worked & np.isin(outcome, [_DONE, _TIMED_OUT]) & np.isin(step, self._waits) & (stood > 0)
        self._work(at[waited & np.asarray(pc.is_null(history.column("output")))])
        self._count_looks(step[waited], (at - stood)[waited], at[waited])
        taken = self._taken(history, row, step, told, branch)
        sent = np.flatnonzero(told & np.isin(step, self._sends))
        if len(sent):
            who = persons[row[sent]]
            self._messages.append((who, at[sent], step[sent], taken[sent], self._people.verdicts[self._number][who]))

    def _count_ways(self, history: pa.RecordBatch, step: Codes, told: Mask) -> None:
        for place in self._telling_ways:
            here = np.flatnonzero(told & (step == place))
            if len(here):
                ways = history.column("output").take(pa.array(here)).value_counts()
                name = self._program.steps[place]
                for each in ways.to_pylist():
                    self._figures.ways[name, each["values"] or ""] += each["counts"]

    def _taken(self, history: pa.RecordBatch, row: Codes, step: Codes, told: Mask, branch: Codes) -> Codes:
        """For each row of history the split that its execution had taken last by then."""
        splits = self._program.splits
        if not splits:
            return branch[row]
        order = np.lexsort((history.column("move").to_numpy(), row))
        by_split = told & np.isin(step, splits)
        names = pc.binary_join_element_wise(history.column("step"), history.column("output"), ":")
        places = np.asarray(pc.index_in(names, value_set=self._branches).fill_null(-1), dtype=np.int32)
        own = np.append(True, row[order][1:] != row[order][:-1])
        last = np.where(by_split[order] | own, np.arange(len(order)), 0)
        last = np.maximum.accumulate(last)
        codes = np.where(by_split[order], places[order], branch[row[order]])
        taken = np.empty(len(order), dtype=np.int32)
        taken[order] = codes[last]
        ends = order[np.append(own[1:], True)]
        branch[row[ends]] = taken[ends]
        return taken

    def _updates(self, effects: pa.RecordBatch, executions: pa.RecordBatch, persons: Persons) -> list[Updates]:
        found = []
        kept = effects.filter(pc.equal(effects.column("kind"), str(EffectKind.UPDATE)))
        row = np.asarray(pc.index_in(kept.column("execution_id"), value_set=executions.column("execution_id")))
        step = np.asarray(pc.index_in(kept.column("step"), value_set=self._steps))
        at = _micros(kept.column("at"))
        self._work(at)
        for place in self._setting:
            here = np.flatnonzero(step == place)
            if len(here):
                payloads = kept.column("payload").take(pa.array(here))
                found.append(Updates(self._number, place, persons[row[here]], at[here], payloads))
        return found

    def _count_looks(self, step: Codes, since: npt.NDArray[np.int64], until: npt.NDArray[np.int64]) -> None:
        """The looks at conditions that were waited for, between arrival and end."""
        for place, every in self._program.looks.items():
            here = step == place
            times = (until[here] - since[here] - 1) // every
            which = np.repeat(np.arange(len(times)), times)
            number = np.arange(len(which)) - np.repeat(np.cumsum(times) - times, times) + 1
            self._work(since[here][which] + number * every)

    def _work(self, at: npt.NDArray[np.int64]) -> None:
        count_into(self._items, (at - self._plan.start) // MINUTE)

    def _days(self, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return (at - self._plan.start) // DAY


def branches_of(program: SimulatedProgram) -> list[str]:
    """Where the splits of a workflow lead, as `STEP:TARGET`."""
    steps = program.campaign.workflow
    return list(
        dict.fromkeys(f"{steps[place].id}:{share.next}" for place in program.splits for share in split_of(steps[place]))
    )


def _micros(column: pa.Array) -> npt.NDArray[np.int64]:
    return np.asarray(column.view(pa.int64()), dtype=np.int64)
