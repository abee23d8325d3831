"""Whose message a person gets when the frequency caps do not allow all of them: the workflow's with the higher priority.

A cap lets through who comes first. So what is to go to one person is put in order before it is planned: as long as something of a
higher priority is on its way to somebody, what is lower waits, and when that has been delivered, or deferred, has what the cap still
allows. What comes only after the lower one has gone is too late: nothing waits for what may yet happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from engine.campaign.schema import Priority
from engine.pipeline.automation.contract import LEASE, Mask

_RANKS = {priority: rank for rank, priority in enumerate(Priority)}


class Arbitration:
    """``priorities`` are those of the workflows whose campaigns have frequency caps, by name; the others take no part. Nothing is known of
    an effect beyond the end of its lease: it has been lost, and comes again. Instants are UTC microseconds."""

    def __init__(self, priorities: Mapping[str, Priority]) -> None:
        self._ranks = {name: _RANKS[priority] for name, priority in priorities.items()}
        self._of_user: dict[str, dict[str, tuple[int, int]]] = {}
        self._user: dict[str, str] = {}
        self._next_look = 0

    def begin(self, workflow: str, names: Sequence[str], user_ids: Sequence[str], until: int) -> None:
        """These effects, leased until an instant, are on their way to these people."""
        rank = self._ranks.get(workflow)
        if rank is None:
            return
        for name, user in zip(names, user_ids, strict=True):
            self._user[name] = user
            self._of_user.setdefault(user, {})[name] = (rank, until)

    def free(self, workflow: str, user_ids: Sequence[str], now: int) -> Mask:
        """Who need not wait for anything of a higher priority. Equal ones do not wait for each other."""
        rank = self._ranks.get(workflow)
        if rank is None:
            return np.ones(len(user_ids), dtype=np.bool_)
        return np.array([not self._waits(user, rank, now) for user in user_ids], dtype=np.bool_)

    def end(self, names: Iterable[str]) -> None:
        """These effects have come to their end: delivered, deferred, or there is no message."""
        for name in names:
            user = self._user.pop(name, None)
            if user is not None:
                theirs = self._of_user[user]
                theirs.pop(name, None)
                if not theirs:
                    del self._of_user[user]

    def forget(self, now: int) -> None:
        """Drop what has been lost, now and then."""
        if now < self._next_look:
            return
        self._next_look = now + LEASE // 4
        self.end([name for theirs in self._of_user.values() for name, (_, until) in theirs.items() if until <= now])

    def _waits(self, user: str, rank: int, now: int) -> bool:
        return any(other < rank and until > now for other, until in self._of_user.get(user, {}).values())
