"""Who of those who would enter may: the rules of re-entry, exclusion and order, for each person in the order of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.pipeline.simulation.entrances import Candidates
from engine.pipeline.simulation.figures import Refusal
from engine.pipeline.simulation.passages import BEFORE, Passages
from engine.pipeline.simulation.people import Mask, Persons
from engine.pipeline.simulation.program import SimulatedProgram
from engine.pipeline.simulation.telling import Telling
from engine.workflow.cohort import Instants

REFUSALS = tuple(Refusal)
_ENTERS = len(REFUSALS)


class Admission:
    """The candidates of one slice, each with its workflow's number. ``groups`` are those in which one workflow's rules may ask for
    another: there a person's candidates are decided on one after the other."""

    def __init__(
        self,
        candidates: Sequence[tuple[int, Candidates]],
        programs: Sequence[SimulatedProgram],
        passages: Sequence[Passages],
        groups: Sequence[int],
    ) -> None:
        self._programs, self._passages = programs, passages
        self._entries = [each.entries for _, each in candidates]
        sizes = [each.num_rows for each in self._entries]
        whose = np.repeat(np.arange(len(candidates)), sizes)
        place = np.concatenate([*(np.arange(size) for size in sizes), np.zeros(0, dtype=np.int64)])
        workflow = np.array([number for number, _ in candidates], dtype=np.int64)[whose]
        person = np.concatenate([*(each.person for _, each in candidates), np.zeros(0, dtype=np.int64)])
        at = np.concatenate([*(_instants(each) for each in self._entries), np.zeros(0, dtype=np.int64)])
        group = np.array(groups, dtype=np.int64)[workflow]
        urgency = np.array([each.priority for each in programs], dtype=np.int64)[workflow]
        order = np.lexsort((self._by_name(person, at), workflow, urgency, at, person, group))
        self._whose, self._place, self._workflow = whose[order], place[order], workflow[order]
        self._person: Persons = person[order]
        self._at: Instants = at[order]
        self._group = group[order]
        self._left = np.arange(len(order))

    def decide(self, stale: Mask, telling: Sequence[Telling]) -> None:
        """Decide on all of whom it is known what they are in by then: of people who are not ``stale`` (groups, people), to whom those
        are added who begin."""
        while len(self._left):
            group, person = self._group[self._left], self._person[self._left]
            first = np.append(True, (group[1:] != group[:-1]) | (person[1:] != person[:-1]))
            first &= ~stale[group, person]
            if not first.any():
                return
            rows, self._left = self._left[first], self._left[~first]
            for number in np.unique(self._workflow[rows]).tolist():
                self._let_in(number, rows[self._workflow[rows] == number], stale, telling[number])

    def _let_in(self, number: int, rows: npt.NDArray[np.int64], stale: Mask, telling: Telling) -> None:
        """``rows`` are of different people."""
        answer = self._answer(number, self._person[rows], self._at[rows])
        telling.refused(np.bincount(answer, minlength=_ENTERS)[:_ENTERS].tolist())
        rows = rows[answer == _ENTERS]
        for whose in np.unique(self._whose[rows]).tolist():
            here = rows[self._whose[rows] == whose]
            entries = self._entries[whose].take(pa.array(self._place[here]))
            self._passages[number].begin(entries, self._person[here])
            telling.begin(entries)
            stale[self._group[here], self._person[here]] = True

    def _answer(self, number: int, persons: Persons, at: Instants) -> npt.NDArray[np.int64]:
        """For each the place of the first reason in REFUSALS why they do not enter, or their number."""
        program, mine = self._programs[number], self._passages[number]
        names = {each.name: place for place, each in enumerate(self._programs)}
        soon = mine.entered[persons] > BEFORE
        if program.again_after is not None:
            soon &= mine.entered[persons] + program.again_after > at
        elsewhere, before = np.zeros(len(persons), dtype=np.bool_), np.zeros(len(persons), dtype=np.bool_)
        for name in program.campaign.not_while:
            if name in names:
                elsewhere |= self._passages[names[name]].alive_at(persons, at)
        for name in program.campaign.only_after:
            before |= self._passages[names[name]].done[persons] >= at
        reasons = {
            Refusal.ALIVE: mine.alive_at(persons, at),
            Refusal.REENTRY: soon,
            Refusal.NOT_WHILE: elsewhere,
            Refusal.ONLY_AFTER: before,
        }
        return np.select([reasons[each] for each in REFUSALS], list(range(_ENTERS)), _ENTERS).astype(np.int64)

    def _by_name(self, person: Persons, at: Instants) -> npt.NDArray[np.int64]:
        """The order of the executions' names, which only counts where two of one person are of one instant."""
        pairs = np.lexsort((at, person))
        same = (person[pairs][1:] == person[pairs][:-1]) & (at[pairs][1:] == at[pairs][:-1])
        if not same.any():
            return np.zeros(len(person), dtype=np.int64)
        names = pa.concat_arrays([each.column("execution_id") for each in self._entries])
        return np.argsort(np.asarray(pc.sort_indices(names)))


def _instants(entries: pa.RecordBatch) -> Instants:
    return np.asarray(entries.column("at").view(pa.int64()), dtype=np.int64)
