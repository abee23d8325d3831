"""The people of a partition, as each workflow sees them, and what becomes of their attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.audience.columns import text_of_key
from engine.audience.eligibility import Marks, judge
from engine.personalization.assignment import held_out
from engine.pipeline.simulation.contract import DUPLICATE, SUPPRESSED
from engine.pipeline.simulation.program import SimulatedProgram
from engine.workflow.json_columns import read_foreign

Persons = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Updates:
    """Changes of attributes: ``payloads`` are JSON objects of the values that a step has set."""

    workflow: int
    step: int
    person: Persons
    at: npt.NDArray[np.int64]
    payloads: pa.StringArray


class VirtualPeople:
    """``keys`` are all whom any workflow knows; a person is named by the place there. ``known`` says by workflow who is of its audience,
    ``verdicts`` whether they may be mailed."""

    def __init__(self, programs: Sequence[SimulatedProgram], tables: Sequence[pa.Table]) -> None:
        self._programs = programs
        own = [
            _whole(text_of_key(table.column(program.campaign.audience.key)))
            for program, table in zip(programs, tables, strict=True)
        ]
        self.keys: pa.StringArray = pc.unique(pa.concat_arrays(own)) if own else pa.array([], pa.string())
        self.known: list[Mask] = []
        self._columns: list[dict[str, pa.Array]] = []
        self._marks: list[Marks] = []
        for program, table, keys in zip(programs, tables, own, strict=True):
            place = pc.index_in(self.keys, value_set=keys)  # of a key that comes twice, the first
            self.known.append(np.asarray(pc.is_valid(place)))
            columns = {name: _whole(table.column(name)).take(place) for name in table.schema.names}
            marks = [np.asarray(columns.pop(name).fill_null(False)) for name in (DUPLICATE, SUPPRESSED)]
            self._marks.append(Marks(*marks))
            blank = {name: pa.nulls(len(self.keys), kind) for name, kind in program.attributes.items()}
            self._columns.append({**blank, **columns})
        self.verdicts = [self._judged(number) for number in range(len(programs))]

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, workflow: int, persons: Persons | None = None) -> pa.RecordBatch:
        """The columns that a workflow reads of some people, or of all."""
        columns = self._columns[workflow]
        index = None if persons is None else pa.array(persons)
        arrays = [each if index is None else each.take(index) for each in columns.values()]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def column(self, workflow: int, name: str) -> pa.Array:
        return self._columns[workflow][name]

    def zones(self, workflow: int, persons: Persons) -> pa.StringArray:
        """The names of people's zones, null where the audience has none."""
        name = self._programs[workflow].campaign.audience.timezone
        if name is None:
            return pa.nulls(len(persons), pa.string())
        return self.column(workflow, name).take(pa.array(persons))

    def update(self, updates: Sequence[Updates]) -> None:
        """Lay values over those of all workflows that have the column; what was set last of a person holds."""
        names = {name for each in updates for name in self._set_by(each)}
        for name in sorted(names):
            setting = [each for each in updates if name in self._set_by(each)]
            person = np.concatenate([each.person for each in setting])
            at = np.concatenate([each.at for each in setting])
            payloads = pa.concat_arrays([each.payloads for each in setting])
            order = np.lexsort((at, person))
            last = order[np.append(person[order][1:] != person[order][:-1], True)]
            self._lay(name, person[last], payloads.take(pa.array(last)))

    def _lay(self, name: str, persons: Persons, payloads: pa.StringArray) -> None:
        """``persons`` ascend."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[persons] = True
        for number, columns in enumerate(self._columns):
            if name not in columns:
                continue
            values = read_foreign(payloads, {name: columns[name].type})[name]
            columns[name] = pc.replace_with_mask(columns[name], pa.array(mask), values)
            audience = self._programs[number].campaign.audience
            if name in (audience.email, audience.subscribed):
                self.verdicts[number] = self._judged(number)

    def _set_by(self, updates: Updates) -> list[str]:
        step = self._programs[updates.workflow].campaign.workflow[updates.step]
        return list(getattr(step, "set", {}))

    def _judged(self, number: int) -> npt.NDArray[np.int8]:
        campaign, columns = self._programs[number].campaign, self._columns[number]
        audience = campaign.audience
        out = np.zeros(len(self), dtype=np.bool_)
        if audience.holdout is not None:
            out = held_out(self.keys.to_pylist(), campaign.name, audience.holdout.salt, audience.holdout.percent)
        subscribed = columns[audience.subscribed] if audience.subscribed else None
        return judge(columns[audience.email], self._marks[number], subscribed, out)


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column in one piece."""
    if isinstance(column, pa.Array):
        return column
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
