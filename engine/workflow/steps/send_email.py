"""send_email: a message to each that stands here."""

from __future__ import annotations

from engine.campaign import steps as schema
from engine.workflow.cohort import Advance, Cohort, Effect, Route
from engine.workflow.executions import EffectKind
from engine.workflow.scope import Scope


class SendEmail:
    def __init__(self, step: schema.SendEmail, scope: Scope) -> None:
        self._template = step.template
        self._next = step.next or scope.following

    def advance(self, cohort: Cohort) -> Advance:
        everybody = cohort.everybody()
        send = Effect(EffectKind.SEND, everybody, constants={"template": self._template})
        return Advance([Route(self._next, everybody, output=self._template)], effects=[send])
