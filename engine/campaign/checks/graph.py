"""The workflow of a document as a graph: steps, and where each of them leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.campaign.document import Document, KeyPath
from engine.campaign.schema import END


@dataclass(frozen=True, slots=True)
class Target:
    """The step id that ``path`` names; for a step that is followed by the next in the list, the path is the step's."""

    id: str
    path: KeyPath


@dataclass(frozen=True, slots=True)
class StepNode:
    index: int
    id: str | None
    type: str | None
    targets: tuple[Target, ...]

    @property
    def path(self) -> KeyPath:
        return ("workflow", self.index)


class Graph:
    """The steps in the order of the file. A repeated id means its first step."""

    def __init__(self, document: Document) -> None:
        self.steps = tuple(_steps(document))
        self.by_id: dict[str, StepNode] = {}
        for step in self.steps:
            if step.id is not None:
                self.by_id.setdefault(step.id, step)

    def next_indices(self, step: StepNode) -> dict[int, Target]:
        """The steps that follow one, by index, each with the target that leads there."""
        return {self.by_id[target.id].index: target for target in step.targets if target.id in self.by_id}


def _steps(document: Document) -> Iterator[StepNode]:
    count = len(document.get(("workflow",), list) or [])
    for index in range(count):
        path = ("workflow", index)
        explicit = tuple(_explicit_targets(document, path))
        kind = document.get((*path, "type"), str)
        if not explicit and kind != "conditional_branch":
            following = document.get(("workflow", index + 1, "id"), str) if index + 1 < count else END
            explicit = (Target(following, path),) if following is not None else ()
        yield StepNode(index, document.get((*path, "id"), str), kind, explicit)


def _explicit_targets(document: Document, step: KeyPath) -> Iterator[Target]:
    branches = document.get((*step, "branches"), list) or []
    keys = [("branches", index, "next") for index in range(len(branches))]
    is_branch = document.get((*step, "type"), str) == "conditional_branch"
    # Elsewhere `else` is a value: only a branch leads there.
    for key in [*keys, ("else",) if is_branch else (), ("next",)]:
        target = document.get((*step, *key), str) if key else None
        if target is not None:
            yield Target(target, (*step, *key))
