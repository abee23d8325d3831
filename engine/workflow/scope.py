"""What a step is compiled against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.campaign.schema import Campaign
from engine.conditions import Checkers, ConditionSet, ValueSet
from engine.conditions.workflow import with_event
from engine.workflow.cohort import Cohort, Mask, StepProgram

Assign = Callable[..., npt.NDArray[np.float64]]
"""``assign(keys, *purpose)``: a number in [0, 1) for each key, by a keyed hash."""

StepKind = Callable[[Mapping[str, Any], "Scope"], StepProgram]
"""How an installed step is made of what the campaign file gives it in ``with``."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A campaign, the columns that its expressions may read, and the step that follows in the list.

    ``now`` is the clock of a plan; None when each row has its own time. ``installed`` are the steps of others, by name.
    """

    campaign: Campaign
    schema: pa.Schema
    now: datetime | None
    assign: Assign
    following: str
    installed: Mapping[str, StepKind]
    checkers: Checkers

    def conditions(self, expressions: Mapping[str, str], event: str | None = None) -> Conditions:
        """Conditions; with ``event``, `event.NAME` reads the properties of that one."""
        schema = with_event(self.schema, self.campaign.events.get(event, {})) if event else self.schema
        checker = self.checkers.of(schema)
        found = ConditionSet(expressions, schema, self.now, self.campaign.timezone, checker)
        return Conditions(found, self.now is None)

    def values(self, expressions: Mapping[str, str], types: Mapping[str, pa.DataType]) -> ValueSet:
        return ValueSet(expressions, self.schema, self.campaign.timezone, types, self.checkers.of(self.schema))


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions over cohorts, each row at its own time unless the set has a clock."""

    conditions: ConditionSet
    row_clock: bool

    def hold(self, cohort: Cohort) -> dict[str, Mask]:
        batch = cohort.batch(self.conditions.columns)
        return self.conditions.evaluate(batch, cohort.times if self.row_clock else None)

    def first(self, cohort: Cohort, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """For each row the place in ``names`` of the first that holds; their number where none does."""
        held = self.hold(cohort)
        return np.select([held[name] for name in names], list(range(len(names))), len(names)).astype(np.int64)
