"""The workflow of a document as a graph: steps, and where each of them leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.campaign.document import Document, KeyPath
from engine.campaign.schema import END


@dataclass(frozen=True, slots=True)
class Target:
    """The step id that is written at ``path``."""

    id: str
    path: KeyPath


@dataclass(frozen=True, slots=True)
class StepNode:
    """A step; without targets of its own it is followed by the next in the list."""

    index: int
    id: str | None
    type: str | None
    targets: tuple[Target, ...]

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
        if not step.targets and step.type != "conditional_branch":
            return {step.index + 1: step.path} if step.index + 1 < len(self.steps) else {}
        return {self.by_id[target.id].index: target.path for target in step.targets if target.id in self.by_id}


def _steps(document: Document) -> Iterator[StepNode]:
    for index in range(len(document.get(("workflow",), list) or [])):
        path = ("workflow", index)
        kind = document.get((*path, "type"), str)
        yield StepNode(index, document.get((*path, "id"), str), kind, tuple(_targets(document, path)))


def _targets(document: Document, step: KeyPath) -> Iterator[Target]:
    branches = document.get((*step, "branches"), list) or []
    keys = [("branches", index, "next") for index in range(len(branches))]
    is_branch = document.get((*step, "type"), str) == "conditional_branch"
    # The `else` of another step is a value, and leads nowhere.
    for key in (*keys, ("else" if is_branch else "next",)):
        target = document.get((*step, *key), str)
        if target is not None:
            yield Target(target, (*step, *key))
