"""Triggers that were posted: who is named to a workflow becomes an event of type ``trigger:WORKFLOW``, which the automation reads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.audience.incoming import EVENT, Reading
from engine.audience.incoming.json_text import text_of
from engine.audience.posted import Answer, Posted, Unknown
from engine.audience.store import Store
from engine.errors import did_you_mean
from engine.pipeline.automation.contract import API_EVENT
from engine.pipeline.events_intake import EventIntake, objects_of
from engine.pipeline.executions import known_workflows
from engine.workflow.executions import ExecutionStore

LOOK_AGAIN = 1.0  # seconds after which a workflow that was not there is looked for again


@dataclass(frozen=True, slots=True)
class Instruments:
    """``wall`` is UTC microseconds, ``monotonic`` seconds, and ``unique`` never gives the same text again."""

    wall: Callable[[], int]
    monotonic: Callable[[], float]
    unique: Callable[[], str]


class TriggerIntake:
    """Keeps triggers of workflows that an automation has defined.

    A trigger is a person, properties, and an ``id`` that names it among those of this person in this workflow: told again, it is
    the same one. Without an id each is another one, for nothing in it tells one that is meant from one that is repeated.
    """

    def __init__(self, store: Store, executions: ExecutionStore, instruments: Instruments) -> None:
        self._executions = executions
        self._instruments = instruments
        self._known: frozenset[str] = frozenset()  # a workflow that was once defined stays so
        self._looked: float | None = None
        self._events = EventIntake(store, Reading(EVENT), self._events_in)

    def take(self, posted: Sequence[Posted]) -> Sequence[Answer]:
        """What each request is told; see the contract."""
        self._look({each.workflow for each in posted})
        kept = iter(self._events.take([each for each in posted if each.workflow in self._known]))
        return [next(kept) if each.workflow in self._known else self._unknown(each.workflow) for each in posted]

    def _look(self, named: set[str]) -> None:
        now = self._instruments.monotonic()
        if named <= self._known or (self._looked is not None and now - self._looked < LOOK_AGAIN):
            return
        self._known, self._looked = frozenset(known_workflows(self._executions)), now

    def _unknown(self, workflow: str) -> Answer:
        unknown = Unknown(f"no workflow `{workflow}` is known", did_you_mean(workflow, sorted(self._known)))
        return Answer(0, unknown=unknown)

    def _events_in(self, body: Posted) -> list[Any]:
        """Each trigger as an event; what is none is left to whoever reads events, and says so."""
        now = datetime.fromtimestamp(self._instruments.wall() / 1e6, UTC).isoformat()
        return [self._event(body.workflow, now, each) if isinstance(each, dict) else each for each in objects_of(body)]

    def _event(self, workflow: str, now: str, trigger: dict[str, Any]) -> dict[str, Any]:
        user, name = trigger.pop("user_id", None), trigger.pop("id", None)
        properties = trigger.pop("properties", None)
        if trigger and (properties is None or isinstance(properties, dict)):
            properties = {**(properties or {}), **trigger}
        return {
            "event_id": self._identity(workflow, user, name),
            "user_id": user,
            "event_type": API_EVENT + workflow,
            "event_time": now,
            "properties": properties,
        }

    def _identity(self, workflow: str, user: Any, name: Any) -> str:
        if name is None or (isinstance(name, str) and not name.strip()):
            return API_EVENT + self._instruments.unique()
        parts = (workflow, *(each if isinstance(each, str) else text_of(each) for each in (user, name)))
        framed = "".join(f"{len(part)}:{part}" for part in parts)
        return API_EVENT + hashlib.blake2b(framed.encode(errors="surrogatepass"), digest_size=16).hexdigest()
