"""conditional_branch: the first branch whose condition holds takes the row; ``else`` takes the rest."""

from __future__ import annotations

from engine.campaign import steps as schema
from engine.campaign.steps import END
from engine.workflow.cohort import Advance, Cohort, Mask
from engine.workflow.steps.scope import Scope


class ConditionalBranch:
    def __init__(self, step: schema.ConditionalBranch, scope: Scope) -> None:
        self._targets = [branch.next for branch in step.branches]
        self._else = step.else_ or END
        self._conditions = scope.conditions({str(number): branch.when for number, branch in enumerate(step.branches)})

    def advance(self, cohort: Cohort) -> Advance:
        holds = self._conditions.evaluate(cohort.batch)
        rest = cohort.here
        routes: dict[str, Mask] = {}
        for number, target in enumerate(self._targets):
            taken = rest & holds[str(number)]
            rest = rest & ~taken
            routes[target] = routes[target] | taken if target in routes else taken
        routes[self._else] = routes[self._else] | rest if self._else in routes else rest
        return Advance(routes)
