"""The state table of a message: what it can be, and what may follow what.

    PLANNED ────────┬─> INTENT ──┬─> ACCEPTED                        (2xx after the final dot)
    DEFERRED ───────┤            ├─> DEFERRED                        (definitely not accepted, due again at next_at)
    RESOLVED_RESEND ┤            ├─> REJECTED                        (definitely not accepted, for good)
                    │            └─> UNKNOWN ──┬─> RESOLVED_SENT     (found out: it was delivered)
                    ├─> DEFERRED               ├─> RESOLVED_SKIPPED  (given up)
                    ├─> REJECTED               └─> RESOLVED_RESEND   (to be sent again)
                    └─> SKIPPED

DEFERRED and REJECTED may come without an intent: the server refused before the point of no return. An INTENT without
an outcome is a doubt: the recovery turns it into UNKNOWN before anything else is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class State(IntEnum):
    """Stored as its number: never renumber."""

    PLANNED = 0
    INTENT = 1
    ACCEPTED = 2
    DEFERRED = 3
    REJECTED = 4
    UNKNOWN = 5
    SKIPPED = 6
    RESOLVED_SENT = 7
    RESOLVED_SKIPPED = 8
    RESOLVED_RESEND = 9


class Reason(IntEnum):
    """Why a message was skipped, or why its fate is unknown. Stored as its number: never renumber."""

    NONE = 0
    SUPPRESSED = 1
    CAPPED = 2
    EXPIRED = 3
    CANCELLED = 4
    INVALID = 5  # it could not be made into a message
    CRASH = 6  # the sender ended between the intent and the outcome
    NO_REPLY = 7  # the connection ended between the final dot and the reply
    RELEASED = 8  # an intent was taken back before the final dot
    LIMITED = 9  # beyond the number of messages that the run may send
    QUIET_HOURS = 10  # the recipient's clock shows a time at which no mail is wanted, or not yet the time to send
    WARM_UP = 11  # the day's share of the destination is used up


SENDABLE = frozenset({State.PLANNED, State.DEFERRED, State.RESOLVED_RESEND})
TERMINAL = frozenset(
    {State.ACCEPTED, State.REJECTED, State.SKIPPED, State.RESOLVED_SENT, State.RESOLVED_SKIPPED},
)

_BEFORE_SENDING = frozenset({State.INTENT, State.DEFERRED, State.REJECTED, State.SKIPPED})
TRANSITIONS: Mapping[State, frozenset[State]] = {
    **dict.fromkeys(SENDABLE, _BEFORE_SENDING),
    **dict.fromkeys(TERMINAL, frozenset()),
    State.INTENT: frozenset({State.ACCEPTED, State.DEFERRED, State.REJECTED, State.UNKNOWN}),
    State.UNKNOWN: frozenset({State.RESOLVED_SENT, State.RESOLVED_SKIPPED, State.RESOLVED_RESEND}),
}


def _allowed() -> NDArray[np.bool_]:
    table = np.zeros((len(State), len(State)), dtype=np.bool_)
    for before, followers in TRANSITIONS.items():
        table[before, sorted(followers)] = True
    table.flags.writeable = False
    return table


ALLOWED: NDArray[np.bool_] = _allowed()
"""``ALLOWED[before, after]``: the table above, for columns of states."""
