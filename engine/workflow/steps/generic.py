"""generic: a step that somebody else has installed."""

from __future__ import annotations

from engine.campaign import steps as schema
from engine.errors import CampaignError, did_you_mean
from engine.workflow.cohort import StepProgram
from engine.workflow.scope import Scope


def generic(step: schema.GenericStep, scope: Scope) -> StepProgram:
    """The installed step. Raises CampaignError (MR138) when there is none of that name."""
    if step.uses not in scope.installed:
        help = did_you_mean(step.uses, list(scope.installed))
        raise CampaignError.single(
            "MR138", f"the step `{step.id}` uses `{step.uses}`, which is not installed", help=help
        )
    return scope.installed[step.uses](step.with_, scope)
