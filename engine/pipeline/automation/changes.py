"""Whose columns are no longer what they were, for the workflows that look at conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.audience.store import Store
from engine.pipeline.automation.contract import LiveWorkflow
from engine.workflow.executions import ALIVE, ExecutionStore

MARK = "changed people"
MOST = 2_000
"""Changed people that are told by name; beyond, everybody who is in a workflow is told."""
SETTLED = 2_000_000
"""Microseconds after which every process's cache has learned of a change."""


@dataclass(frozen=True, slots=True)
class _Telling:
    """``users`` by workflow. What remains of a walk through all who are in workflows: at ``behind`` in the first of ``rest``."""

    users: Mapping[str, Sequence[str]]
    version: int
    rest: Sequence[str] = ()
    behind: str = ""


class Changes:
    """Follows the store's changes: what is told stays until it has been taken up, also over a restart. For one thread.

    Everything raises TryAgainError when a store does not answer, and nothing is lost then.
    """

    def __init__(self, workflows: Mapping[str, LiveWorkflow], store: Store, executions: ExecutionStore) -> None:
        self._store = store
        self._executions = executions
        self.workflows = [
            name
            for name, live in workflows.items()
            if any(looks_at_people(text) for text in _definitions(live, executions))
        ]
        seen = executions.mark(MARK)
        self._seen = store.version() if seen is None else int(seen)
        if seen is None:
            executions.set_mark(MARK, str(self._seen))
        self._noticed: tuple[int, int] | None = None
        self._telling: _Telling | None = None

    def told(self, now: int, version: int) -> Mapping[str, Sequence[str]]:
        """By workflow whose columns have changed, the store being at a version; the same again until ``taken``."""
        if self._telling is None and self.workflows and version != self._seen:
            if self._noticed is None:
                self._noticed = (version, now)
            version, since = self._noticed
            if now - since >= SETTLED:
                users = self._store.changed(self._seen, MOST) if version > self._seen else None
                if users is None:
                    self._telling = self._walked(_Telling({}, version, self.workflows))
                else:
                    self._telling = _Telling(dict.fromkeys(self.workflows if users else (), users), version)
                self._noticed = None
        if self._telling is not None and not self._telling.users:
            self.taken()
        return {} if self._telling is None else self._telling.users

    def taken(self) -> None:
        """What was told last is where it will not be lost."""
        telling = self._telling
        if telling is None:
            return
        if telling.rest:
            self._telling = self._walked(telling)
            if self._telling.users:
                return
        self._executions.set_mark(MARK, str(telling.version))
        self._seen, self._telling = telling.version, None

    def _walked(self, telling: _Telling) -> _Telling:
        """The next people of whom an execution is alive."""
        rest, behind = list(telling.rest), telling.behind
        while rest:
            page = self._executions.of_workflow(rest[0], ALIVE, behind, MOST)
            if page.num_rows:
                users = list(dict.fromkeys(page.column("user_id").to_pylist()))
                return _Telling({rest[0]: users}, telling.version, rest, page.column("execution_id")[-1].as_py())
            rest, behind = rest[1:], ""
        return _Telling({}, telling.version)


def looks_at_people(definition: str) -> bool:
    """Whether a workflow looks at conditions when something of a person changes: to end, for its goal, or in a wait."""
    values = json.loads(definition)
    rules = [rule for rule in [*values.get("exit", ()), values.get("goal")] if rule is not None]
    return any(rule.get("event") is None for rule in rules) or any(
        step.get("condition") is not None for step in values["workflow"]
    )


def _definitions(live: LiveWorkflow, executions: ExecutionStore) -> list[str]:
    """Of today's version, and of those before it."""
    versions = executions.versions().to_pylist()
    known = (executions.definition(live.name, row["version"]) for row in versions if row["workflow"] == live.name)
    return [live.definition.text, *(text for text in known if text is not None)]
