"""What ends executions or is their goal: events, conditions, and events for which a condition holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.campaign.automation import Happening
from engine.workflow.cohort import Cohort
from engine.workflow.scope import Conditions, Scope


class Rules:
    """Some rules, in the order of the file. ``labels`` are what history tells of each."""

    def __init__(self, rules: Sequence[Happening], scope: Scope) -> None:
        self.labels = [f"event:{rule.event}" if rule.event else rule.when or "" for rule in rules]
        self._count = len(rules)
        asked = {str(place): rule.when or "" for place, rule in enumerate(rules) if rule.event is None}
        self._conditions = scope.conditions(asked) if asked else None
        self._of_event: dict[str, list[tuple[int, Conditions | None]]] = {}
        for place, rule in enumerate(rules):
            if rule.event is not None:
                when = scope.conditions({"when": rule.when}, rule.event) if rule.when else None
                self._of_event.setdefault(rule.event, []).append((place, when))

    def __len__(self) -> int:
        return self._count

    def looks_at(self, event: str | None) -> bool:
        """Whether anything is to be evaluated when this event (None: none) has happened."""
        return self._conditions is not None or event in self._of_event

    def first(self, cohort: Cohort, event: str | None) -> npt.NDArray[np.int64]:
        """For each row the place of the first rule that holds; their number where none does."""
        found = np.full(len(cohort), self._count, dtype=np.int64)
        if self._conditions is not None:
            for name, holds in self._conditions.hold(cohort).items():
                found = np.where(holds, np.minimum(found, int(name)), found)
        for place, when in self._of_event.get(event or "", ()):
            holds = cohort.everybody() if when is None else when.hold(cohort)["when"]
            found = np.where(holds, np.minimum(found, place), found)
        return found
