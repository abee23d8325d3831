"""Events and triggers that another program posts: what it sends, and what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Posted:
    """What a request holds: a JSON object or an array of objects or, with ``lines``, an object a line.

    ``workflow`` is the one that triggers were posted to, as the path named it; of events there is none.
    """

    content: bytes
    lines: bool
    workflow: str = ""


@dataclass(frozen=True, slots=True)
class BadEvent:
    """Why an event is not taken; ``event`` counts from 0, and is None when the whole body cannot be read."""

    event: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A workflow that nobody knows, and what may have been meant."""

    reason: str
    help: str


@dataclass(frozen=True, slots=True)
class Answer:
    """``accepted`` events are durable. A request with a bad event, or for a workflow that is unknown, is not kept at all."""

    accepted: int
    bad: Sequence[BadEvent] = ()
    unknown: Unknown | None = None


class PostedIntake(Protocol):
    """Who keeps posted events. May block; may be called from any thread."""

    def take(self, posted: Sequence[Posted]) -> Sequence[Answer]:
        """All that is accepted is durable when it returns, in one commit. Raises what the store raises; then nothing is kept."""
