"""The plan in numbers: exact counts that add up over blocks and partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class PlanCounts:
    """Rows by verdict; segments in the audience and among the eligible; rows by step and target; messages by step and by template."""

    recipients: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    segments: Counter[str] = field(default_factory=Counter)
    segments_eligible: Counter[str] = field(default_factory=Counter)
    branches: dict[str, Counter[str]] = field(default_factory=dict)
    steps: Counter[str] = field(default_factory=Counter)
    templates: Counter[str] = field(default_factory=Counter)

    @property
    def messages(self) -> int:
        return self.templates.total()

    def add(self, other: PlanCounts) -> None:
        self.recipients += other.recipients
        for mine, theirs in (
            (self.verdicts, other.verdicts),
            (self.segments, other.segments),
            (self.segments_eligible, other.segments_eligible),
            (self.steps, other.steps),
            (self.templates, other.templates),
        ):
            mine.update(theirs)
        for step, targets in other.branches.items():
            self.branches.setdefault(step, Counter()).update(targets)

    def as_dict(self) -> dict[str, Any]:
        return {
            "recipients": self.recipients,
            "verdicts": dict(self.verdicts),
            "segments": {
                name: {"audience": self.segments[name], "eligible": self.segments_eligible[name]}
                for name in self.segments
            },
            "branches": {step: dict(targets) for step, targets in self.branches.items()},
            "steps": dict(self.steps),
            "templates": dict(self.templates),
            "messages": self.messages,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PlanCounts:
        """The inverse of ``as_dict``."""
        return cls(
            recipients=values["recipients"],
            verdicts=Counter(values["verdicts"]),
            segments=Counter({name: each["audience"] for name, each in values["segments"].items()}),
            segments_eligible=Counter({name: each["eligible"] for name, each in values["segments"].items()}),
            branches={step: Counter(targets) for step, targets in values["branches"].items()},
            steps=Counter(values["steps"]),
            templates=Counter(values["templates"]),
        )
