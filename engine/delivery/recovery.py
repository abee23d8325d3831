"""What a new owner of a partition makes of what the last one left. Pure; to recover twice changes nothing more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.campaign.schema import UnknownPolicy
from engine.delivery.doubts import MOST_TRIES_IN_DOUBT
from engine.ledger.entries import Entry
from engine.ledger.replay import Standing
from engine.ledger.states import Reason, State


def resends(policy: UnknownPolicy, attempt: int) -> bool:
    """Whether a message of unknown fate is sent again after so many tries, without asking anybody."""
    return policy is UnknownPolicy.RESEND and attempt < MOST_TRIES_IN_DOUBT


@dataclass(frozen=True, slots=True)
class Recovery:
    """``entries`` come first, durably; then ``ready`` rows may be sent. ``next_due`` is when the first deferred one is due."""

    entries: list[Entry]
    ready: list[int]
    next_due: int | None
    crashed: int


def recover(standing: Standing, policy: UnknownPolicy, now: int, most: int | None = None) -> Recovery:
    """Intents without an outcome become UNKNOWN; what the policy resends, what was only planned and what is due is ready.

    What was only planned and stands beyond the ``most`` first messages is skipped.
    """
    entries: list[Entry] = []
    attempts = standing.attempt
    crashed = standing.rows(State.INTENT)
    for row in crashed.tolist():
        entries.append(Entry(row, State.UNKNOWN.value, int(attempts[row]), now, Reason.CRASH.value))
    resent = [row for row in standing.rows(State.INTENT, State.UNKNOWN).tolist() if resends(policy, attempts[row])]
    for row in resent:
        entries.append(Entry(row, State.RESOLVED_RESEND.value, int(attempts[row]), now))

    planned = standing.rows(State.PLANNED)
    if most is not None:
        entries.extend(
            Entry(row, State.SKIPPED.value, 0, now, Reason.LIMITED.value) for row in planned[planned >= most].tolist()
        )
        planned = planned[planned < most]
    deferred = standing.rows(State.DEFERRED)
    next_at = standing.next_at[deferred]
    due = deferred[next_at <= now]
    waiting = next_at[next_at > now]
    ready = np.concatenate([planned, standing.rows(State.RESOLVED_RESEND), due, np.array(resent, dtype=np.int64)])
    return Recovery(entries, np.sort(ready).tolist(), int(waiting.min()) if len(waiting) else None, len(crashed))
