"""Messages of unknown fate that a campaign wants found out about. Pure; to settle the same twice changes nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.campaign.schema import UnknownPolicy
from engine.errors import Diagnostic, MailrayError
from engine.ledger.entries import Entry
from engine.ledger.replay import Standing
from engine.ledger.states import State

MOST_TRIES_IN_DOUBT = 3
"""A message that was tried so often and may have arrived each time is not sent once more."""
FIRST_LOOK = 60_000_000  # microseconds; each look comes when the doubt is twice as old as at the last
MARGIN = 3_600_000_000  # a repeat may wait for its turn so long before the other end forgets its key
NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a message must have been accepted: who says so, and what, in words that hold no address."""

    source: str
    what: str
    remote_id: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.what}"


class Witness(Protocol):
    """Who may know what became of messages: what came back, or a provider that can be asked."""

    @property
    def remembers(self) -> int:
        """How long (microseconds) the other end knows a message again that is sent once more, and does not deliver it twice."""

    def ask(self, keys: Sequence[bytes]) -> Mapping[bytes, Evidence]:
        """What is known of the messages with these delivery keys. One that is not there may have been accepted all the same.

        May block. Raises a MailrayError when nobody answers.
        """


@dataclass(frozen=True, slots=True)
class Nobody:
    """Knows nothing, though the other end may remember what it was given."""

    remembers: int = 0

    def ask(self, keys: Sequence[bytes]) -> Mapping[bytes, Evidence]:
        return {}


@dataclass(slots=True)
class Witnesses:
    """Several as one. Who does not answer knows nothing; ``faults`` says who it was at the last question, and why."""

    witnesses: Sequence[Witness]
    faults: list[Diagnostic] = field(default_factory=list)

    @property
    def remembers(self) -> int:
        return max((each.remembers for each in self.witnesses), default=0)

    def ask(self, keys: Sequence[bytes]) -> Mapping[bytes, Evidence]:
        """The first who knows of a message is believed, and the others are not asked about it."""
        known: dict[bytes, Evidence] = {}
        self.faults = []
        for each in self.witnesses:
            try:
                known |= each.ask([key for key in keys if key not in known])
            except MailrayError as fault:
                self.faults.extend(fault.diagnostics)
        return known


@dataclass(frozen=True, slots=True)
class DoubtRule:
    """``then``, SKIP or RESEND, is what becomes of a message of which nobody knows ``after`` so long (microseconds) from its intent."""

    after: int = NEVER
    then: UnknownPolicy = UnknownPolicy.SKIP

    def next_look(self, intent_at: int, now: int) -> int:
        """When to ask again about a message whose intent is from ``intent_at``."""
        return min(intent_at + self.after, now + max(FIRST_LOOK, now - intent_at))


@dataclass(frozen=True, slots=True)
class Reconciled:
    """``entries`` settle what can be settled; ``next_look`` is when the first of the others is looked at again (None: never)."""

    entries: list[Entry]
    next_look: int | None


def reconcile(
    standing: Standing, known: Mapping[int, Evidence], rule: DoubtRule, remembers: int, now: int
) -> Reconciled:
    """Settle what is UNKNOWN: what there is evidence of was sent; what the other end knows again may go once more; what nobody knows of
    in time is skipped or sent again, as the rule says. ``known`` is by row."""
    entries: list[Entry] = []
    looks: list[int] = []
    first, last = _intents(standing)
    for row in standing.rows(State.UNKNOWN).tolist():
        attempt, at = int(standing.attempt[row]), int(last[row])
        evidence = known.get(row)
        if evidence is not None:
            entries.append(
                _entry(row, State.RESOLVED_SENT, attempt, now)._replace(
                    detail=str(evidence), remote_id=evidence.remote_id
                )
            )
        elif attempt < MOST_TRIES_IN_DOUBT and 0 <= now - int(first[row]) < remembers - MARGIN:
            entries.append(_entry(row, State.RESOLVED_RESEND, attempt, now)._replace(detail="its key is known again"))
        elif now < at + rule.after:
            looks.append(rule.next_look(at, now))
        elif rule.then is UnknownPolicy.SKIP:
            entries.append(_entry(row, State.RESOLVED_SKIPPED, attempt, now)._replace(detail="nobody knows"))
        elif attempt < MOST_TRIES_IN_DOUBT:
            entries.append(_entry(row, State.RESOLVED_RESEND, attempt, now)._replace(detail="nobody knows"))
    return Reconciled(entries, min(looks, default=None))


def _entry(row: int, state: State, attempt: int, now: int) -> Entry:
    return Entry(row, state.value, attempt, now)


def _intents(standing: Standing) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each message's first and last intent was written down; 0 where there is none."""
    log = standing.log
    intents = log.state == State.INTENT
    rows, at = log.row[intents], log.at[intents]
    first, last = np.zeros(len(standing), np.int64), np.zeros(len(standing), np.int64)
    first[rows[::-1]] = at[::-1]
    last[rows] = at
    return first, last
