"""What people decide about messages that are not, or perhaps not, sent. Pure; to decide the same twice changes nothing more."""

from __future__ import annotations

from collections.abc import Collection

from engine.campaign.schema import UnknownPolicy
from engine.delivery.recovery import recover
from engine.ledger.entries import Entry
from engine.ledger.replay import Standing
from engine.ledger.states import SENDABLE, Reason, State

RESOLUTIONS = (State.RESOLVED_SENT, State.RESOLVED_SKIPPED, State.RESOLVED_RESEND)


def doubtful(standing: Standing) -> list[int]:
    """The messages of unknown fate. An intent that nobody works on any more is one of them."""
    return [int(row) for row in standing.rows(State.UNKNOWN, State.INTENT)]


def cancel(standing: Standing, now: int) -> list[Entry]:
    """Skip what may still be sent; what is in doubt stays in doubt."""
    entries = recover(standing, UnknownPolicy.SKIP, now).entries
    attempts = standing.attempt
    unsent = standing.rows(*SENDABLE).tolist()
    return entries + [
        Entry(row, State.SKIPPED.value, int(attempts[row]), now, Reason.CANCELLED.value) for row in unsent
    ]


def resolve(standing: Standing, rows: Collection[int], resolution: State, now: int) -> list[Entry]:
    """Settle ``rows``, each of which is doubtful, as ``resolution`` says (one of RESOLUTIONS)."""
    attempts = standing.attempt
    entries = []
    for row in rows:
        if standing.state[row] == State.INTENT:
            entries.append(Entry(row, State.UNKNOWN.value, int(attempts[row]), now, Reason.CRASH.value))
        entries.append(Entry(row, resolution.value, int(attempts[row]), now))
    return entries
