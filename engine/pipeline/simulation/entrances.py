"""Who would enter a workflow in a slice of time, by its trigger; whether they may is for the rules to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.pipeline.simulation.contract import DAY
from engine.pipeline.simulation.happenings import Happenings
from engine.pipeline.simulation.people import Mask, Persons, VirtualPeople
from engine.pipeline.simulation.program import SimulatedProgram
from engine.workflow.executions import ENTRIES
from engine.workflow.triggers import cron_instants, segment_of


@dataclass(frozen=True, slots=True)
class Candidates:
    """``entries`` (ENTRIES) of ``person`` each."""

    entries: pa.RecordBatch
    person: Persons


class Entrances:
    """One workflow's trigger over the people of a partition. ``number`` is the workflow's, ``start`` when the simulation begins."""

    def __init__(self, program: SimulatedProgram, number: int, people: VirtualPeople, start: int) -> None:
        self._program, self._number, self._people = program, number, people
        self._start = start
        self._audience = np.flatnonzero(people.known[number])
        self._by_segment = segment_of(program.campaign) is not None
        self._members = self._in_segment(start)

    def between(self, after: int, until: int, happenings: Happenings, when: slice) -> Iterator[Candidates]:
        """``when`` are the events behind ``after`` and up to ``until``; the first slice begins with its own first instant."""
        trigger = self._program.campaign.trigger
        if trigger is None:
            if after < self._start:
                yield self._of(self._audience, lambda people: self._program.triggers.of_moment(people, self._start))
        elif self._program.trigger_event is not None:
            yield self._of_events(happenings, when)
        elif trigger.cron is not None:
            for at in cron_instants(self._program.campaign, after, until):
                yield self._at_moment(at)
        elif trigger.anniversary is not None:
            yield self._of_anniversaries(trigger.anniversary, after, until)

    def at_the_end(self, at: int) -> Iterator[Candidates]:
        """Who has come to be in the trigger's segment in the slice that ends now, or has left it; they enter in the next one."""
        if not self._by_segment:
            return
        before, self._members = self._members, self._in_segment(at)
        changed = self._audience[before != self._members]
        was, now = before[before != self._members], self._members[before != self._members]
        if len(changed):
            yield self._of(changed, lambda people: self._program.triggers.of_segment(was, now, people, at))

    def _at_moment(self, at: int) -> Candidates:
        return self._of(self._audience, lambda people: self._program.triggers.of_moment(people, at))

    def _of_events(self, happenings: Happenings, when: slice) -> Candidates:
        rows = happenings.beginning(self._number, when)
        rows = rows[self._people.known[self._number][happenings.person[rows]]]
        arrivals, triggers = happenings.arrivals(rows, 0), self._program.triggers

        def entering(people: pa.RecordBatch) -> pa.RecordBatch:
            if self._program.by_call:
                return triggers.of_calls(arrivals, people)
            return triggers.of_events(arrivals, people)

        return self._of(happenings.person[rows], entering)

    def _of_anniversaries(self, name: str, after: int, until: int) -> Candidates:
        """Only those are looked at whose day may be in the slice, by some clock."""
        column = self._people.column(self._number, name).cast(pa.timestamp("us")).cast(pa.date32())
        days = [
            datetime.fromtimestamp(after // 1_000_000, UTC) + timedelta(days=number)
            for number in range(-1, (until - after) // DAY + 4)
        ]
        wanted = {each.month * 100 + each.day for each in days}
        wanted |= {229} if 228 in wanted else set()
        shown = pc.add(pc.multiply(pc.month(column), 100), pc.day(column)).fill_null(0)
        near = np.isin(np.asarray(shown, dtype=np.int64)[self._audience], list(wanted))
        return self._of(
            self._audience[near], lambda people: self._program.triggers.of_anniversaries(people, after, until)
        )

    def _of(self, persons: Persons, entering: Callable[[pa.RecordBatch], pa.RecordBatch]) -> Candidates:
        if not len(persons):
            return Candidates(pa.RecordBatch.from_pylist([], schema=ENTRIES), persons)
        entries = entering(self._people.rows(self._number, persons))
        users = self._people.keys.take(pa.array(persons))
        place = np.asarray(pc.index_in(entries.column("user_id"), value_set=users), dtype=np.int64)
        return Candidates(entries, persons[place])

    def _in_segment(self, at: int) -> Mask:
        if not self._by_segment:
            return np.zeros(0, dtype=np.bool_)
        return self._program.triggers.in_segment(self._people.rows(self._number, self._audience), at)
