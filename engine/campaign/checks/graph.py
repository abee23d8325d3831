"""The workflow of a document as a graph: steps, and where each of them leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.campaign.document import Document, KeyPath
from engine.campaign.durations import TIME_OF_DAY
from engine.campaign.steps import END


@dataclass(frozen=True, slots=True)
class Target:
    """The step id that is written at ``path``."""

    id: str
    path: KeyPath


@dataclass(frozen=True, slots=True)
class StepNode:
    """A step; without a `next` of its own it is followed by the next in the list, but for a branch.

    ``holds``: an execution stays here for some time, whatever happens. ``patient``: so it does on the way of its `on_timeout`.
    """

    index: int
    id: str | None
    type: str | None
    targets: tuple[Target, ...]
    holds: bool
    patient: bool

    @property
    def path(self) -> KeyPath:
        return ("workflow", self.index)


class Graph:
    """The steps in the order of the file. A repeated id means its first step, and `end` none."""

    def __init__(self, document: Document) -> None:
        self.steps = tuple(_steps(document))
        self.by_id: dict[str, StepNode] = {}
        for step in self.steps:
            if step.id is not None and step.id != END:
                self.by_id.setdefault(step.id, step)

    def followers(self, step: StepNode) -> dict[int, KeyPath]:
        """The indices of the steps that follow one, each with the place that says so."""
        return self._of(step, step.targets)

    def at_once(self, step: StepNode) -> dict[int, KeyPath]:
        """Those of the followers to which an execution may come in the same instant."""
        if step.holds:
            return {}
        return self._of(
            step, tuple(each for each in step.targets if not (step.patient and each.path[-1] == "on_timeout"))
        )

    def _of(self, step: StepNode, targets: tuple[Target, ...]) -> dict[int, KeyPath]:
        found = {self.by_id[target.id].index: target.path for target in targets if target.id in self.by_id}
        goes_on = step.type != "conditional_branch" and not any(target.path[-1] == "next" for target in targets)
        if goes_on and step.index + 1 < len(self.steps):
            found.setdefault(step.index + 1, step.path)
        return found


def _steps(document: Document) -> Iterator[StepNode]:
    for index in range(len(document.get(("workflow",), list) or [])):
        path = ("workflow", index)
        kind = document.get((*path, "type"), str)
        waits = kind == "wait_condition"
        holds = waits and (
            document.has((*path, "for"))
            or document.has((*path, "event"))
            or re.fullmatch(TIME_OF_DAY, document.get((*path, "until"), str) or "") is not None
        )
        patient = waits and document.has((*path, "condition"))
        identity = document.get((*path, "id"), str)
        yield StepNode(index, identity, kind, tuple(_targets(document, path)), holds, patient)


def _targets(document: Document, step: KeyPath) -> Iterator[Target]:
    keys: list[KeyPath] = [
        (name, index, "next")
        for name in ("branches", "split")
        for index in range(len(document.get((*step, name), list) or []))
    ]
    is_branch = document.get((*step, "type"), str) == "conditional_branch"
    # The `else` of another step is a value, and leads nowhere.
    keys.extend((("else",),) if is_branch else (("on_timeout",), ("next",)))
    for key in keys:
        target = document.get((*step, *key), str)
        if target is not None:
            yield Target(target, (*step, *key))
