"""The kinds of steps: one file a kind, listed in ``STEPS`` with the model that it compiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.campaign import steps as schema
from engine.workflow.cohort import StepProgram
from engine.workflow.scope import Scope
from engine.workflow.steps.conditional_branch import ConditionalBranch
from engine.workflow.steps.generic import generic
from engine.workflow.steps.segment_user import SegmentUser
from engine.workflow.steps.send_email import SendEmail
from engine.workflow.steps.trigger_webhook import TriggerWebhook
from engine.workflow.steps.update_user_data import UpdateUserData
from engine.workflow.steps.wait_condition import wait_condition

STEPS: Mapping[type[schema.Step], Callable[[Any, Scope], StepProgram]] = {
    schema.ConditionalBranch: ConditionalBranch,
    schema.GenericStep: generic,
    schema.SegmentUser: SegmentUser,
    schema.SendEmail: SendEmail,
    schema.TriggerWebhook: TriggerWebhook,
    schema.UpdateUserData: UpdateUserData,
    schema.WaitCondition: wait_condition,
}
