"""A body under construction: steps, with static texts and holes gathered into runs."""

from __future__ import annotations

from typing import Any

from engine.templates.scope import Unit
from engine.templates.statements.holes import Run
from engine.templates.statements.steps import Step


class Body:
    """Collects what a list of statements does, in order."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._steps: list[Step] = []
        self._texts: list[str] = [""]
        self._holes: list[Any] = []

    def text(self, text: str) -> None:
        self._texts[-1] += text

    def hole(self, hole: Any) -> None:
        """Something that is printed: it has ``printed(frame)``."""
        self._holes.append(hole)
        self._texts.append("")

    def step(self, step: Step) -> None:
        """Something else. What prints nothing may pass the texts before it."""
        self._flush()
        self._steps.append(step)

    def silent(self, step: Step) -> None:
        """A step that prints nothing: the texts around it are one."""
        if self._holes:
            self._flush()
        self._steps.append(step)

    def mark(self) -> tuple[int, tuple[str, ...], int]:
        """Where the body is now."""
        return len(self._steps), tuple(self._texts), len(self._holes)

    def back_to(self, mark: tuple[int, tuple[str, ...], int]) -> None:
        """Forget what was added since."""
        steps, texts, holes = mark
        first = self._steps[steps] if len(self._steps) > steps else None
        flushed = first.holes if isinstance(first, Run) else ()
        self._holes = [*flushed, *self._holes][:holes] if flushed else self._holes[:holes]
        del self._steps[steps:]
        self._texts = list(texts)

    def _flush(self) -> None:
        if self._holes or self._texts[0]:
            pieces = tuple(self._unit.static(text) for text in self._texts)
            self._steps.append(Run(tuple(self._texts), pieces, tuple(self._holes)))
        self._texts, self._holes = [""], []

    def steps(self) -> tuple[Step, ...]:
        self._flush()
        return tuple(self._steps)


def constant_text(steps: tuple[Step, ...]) -> str | None:
    """What the steps print when that is the same text everywhere and nothing else is done."""
    if not steps:
        return ""
    if len(steps) == 1 and isinstance(steps[0], Run) and not steps[0].holes:
        return steps[0].texts[0]
    return None
