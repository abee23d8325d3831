"""How many messages are in which state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.ledger.states import SENDABLE, Reason, State


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages by state, and the skipped ones by reason; both are addressed by the enumeration's number."""

    states: tuple[int, ...] = (0,) * len(State)
    skipped: tuple[int, ...] = (0,) * len(Reason)

    @classmethod
    def of(cls, state: NDArray[np.integer[Any]], reason: NDArray[np.integer[Any]]) -> Counts:
        """Count messages by their state, and those that are skipped by their reason. Raises ValueError for numbers that none has."""
        states = np.bincount(state, minlength=len(State)).tolist()
        skipped = np.bincount(reason[state == State.SKIPPED], minlength=len(Reason)).tolist()
        if len(states) > len(State) or len(skipped) > len(Reason):
            raise ValueError("a state or reason that does not exist")
        return cls(tuple(states), tuple(skipped))

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            tuple(map(sum, zip(self.states, other.states, strict=True))),
            tuple(map(sum, zip(self.skipped, other.skipped, strict=True))),
        )

    @classmethod
    def total(cls, parts: Iterable[Counts]) -> Counts:
        return sum(parts, start=cls())

    def __getitem__(self, state: State) -> int:
        return self.states[state]

    @property
    def planned(self) -> int:
        """All messages that were ever planned, whatever became of them."""
        return sum(self.states)

    @property
    def left(self) -> int:
        """Messages that may still be sent, those that wait for a later try included."""
        return sum(self.states[state] for state in SENDABLE)

    def as_dict(self) -> dict[str, int | dict[str, int]]:
        """Plain values for ``--json``; a state's name in small letters, states and reasons without messages left out."""
        states: dict[str, int | dict[str, int]] = {
            state.name.lower(): self.states[state] for state in State if self.states[state]
        }
        if self.states[State.SKIPPED]:
            states["skipped"] = {reason.name.lower(): self.skipped[reason] for reason in Reason if self.skipped[reason]}
        return states
