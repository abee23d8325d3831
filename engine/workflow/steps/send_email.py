"""send_email: a message to each row that stands here."""

from __future__ import annotations

from engine.campaign import steps as schema
from engine.workflow.cohort import Advance, Cohort, Send
from engine.workflow.steps.scope import Scope


class SendEmail:
    def __init__(self, step: schema.SendEmail, scope: Scope) -> None:
        self._id = step.id
        self._template = step.template
        self._next = step.next or scope.following

    def advance(self, cohort: Cohort) -> Advance:
        return Advance({self._next: cohort.here}, sends=(Send(self._id, self._template, cohort.here),))
