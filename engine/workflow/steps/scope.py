"""What a step is compiled against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from engine.conditions import ConditionSet


@dataclass(frozen=True, slots=True)
class Scope:
    """The columns that conditions may read, the run's clock and zone, and the step that follows in the list."""

    schema: pa.Schema
    now: datetime
    timezone: str
    following: str

    def conditions(self, expressions: Mapping[str, str]) -> ConditionSet:
        return ConditionSet(expressions, self.schema, self.now, self.timezone)
