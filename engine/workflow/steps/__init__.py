"""The kinds of steps: one file a kind, listed in ``STEPS`` with the model that it compiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.campaign import steps as schema
from engine.workflow.cohort import StepProgram
from engine.workflow.steps.conditional_branch import ConditionalBranch
from engine.workflow.steps.scope import Scope
from engine.workflow.steps.segment_user import SegmentUser
from engine.workflow.steps.send_email import SendEmail

StepKind = Callable[[Any, Scope], StepProgram]

STEPS: Mapping[type[schema.Step], StepKind] = {
    schema.ConditionalBranch: ConditionalBranch,
    schema.SegmentUser: SegmentUser,
    schema.SendEmail: SendEmail,
}
