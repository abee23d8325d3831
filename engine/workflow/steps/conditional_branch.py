"""conditional_branch: the first branch whose condition holds takes the row and `else` the rest; or each takes its share by weight."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.campaign import steps as schema
from engine.campaign.steps import END
from engine.workflow.cohort import Advance, Cohort, Route
from engine.workflow.scope import Scope


class ConditionalBranch:
    def __init__(self, step: schema.ConditionalBranch, scope: Scope) -> None:
        self._names = [str(number) for number in range(len(step.branches))]
        self._targets = [branch.next for branch in step.branches] + [step.else_ or END]
        self._conditions = scope.conditions(dict(zip(self._names, [each.when for each in step.branches], strict=True)))
        self._weights = np.array([share.weight for share in step.split], dtype=np.float64)
        if step.split:
            self._targets = [share.next for share in step.split]
        self._assign = scope.assign
        self._purpose = ("split", scope.campaign.name, step.id, step.salt)

    def advance(self, cohort: Cohort) -> Advance:
        taken = self._by_weight(cohort) if len(self._weights) else self._conditions.first(cohort, self._names)
        routes = [Route(target, taken == number, output=target) for number, target in enumerate(self._targets)]
        return Advance(routes)

    def _by_weight(self, cohort: Cohort) -> npt.NDArray[np.int64]:
        """The same person always has the same number, so that nobody changes sides when entering again."""
        drawn = self._assign(cohort.users.to_pylist(), *self._purpose)
        bounds = np.cumsum(self._weights)[:-1] / self._weights.sum()
        return np.searchsorted(bounds, drawn, side="right").astype(np.int64)
