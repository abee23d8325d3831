"""Whoever must not be mailed: what is kept of them, the store's contract, and a partition's live view of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.audience import addresses

GLOBAL = ""
"""The list of what holds for every list."""
LOOKED_UP = 8_192
"""Addresses in one question to a store."""
MOST_CHANGES = 10_000
"""So many changes are read one by one; after more, all of a partition is looked up again."""


class SuppressionReason(StrEnum):
    UNSUBSCRIBED = "unsubscribed"  # the recipient said so: one-click, by mail, on a page
    BOUNCED = "bounced"  # the mailbox does not exist
    COMPLAINED = "complained"  # the recipient reported a message as spam
    MANUAL = "manual"  # an operator said so
    IMPORTED = "imported"  # from a list that was kept elsewhere


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address that is not mailed on one list, or on none if ``list`` is GLOBAL.

    ``source`` says in words where it comes from (``one-click``, a file's name, a campaign's), ``at`` is UTC microseconds.
    """

    address: str
    list: str
    reason: SuppressionReason
    source: str
    at: int

    def as_dict(self) -> dict[str, str]:
        """Plain values, the instant in ISO 8601."""
        at = datetime.fromtimestamp(self.at / 1e6, UTC).isoformat()
        return {
            "address": self.address,
            "list": self.list,
            "reason": self.reason.value,
            "source": self.source,
            "at": at,
        }


class SuppressionStore(Protocol):
    """Suppressed addresses of one tenant. Addresses may be given in any spelling; they are kept, and come back, in their normal form.

    Every change makes a new version; whoever has read up to a version has seen all changes before it. Every method may block,
    may be called from any thread and by several processes at once. Raises TryAgainError (MR671) when the store cannot be read or
    written now, InputError (MR672) when it is damaged or of a newer version.
    """

    def add(self, entries: Sequence[Suppression]) -> int:
        """Suppress, all or none; durable when it returns. What is suppressed already keeps its first reason. Gives how many are new."""

    def remove(self, addresses: Collection[str], list: str) -> int:
        """Let them be mailed again on this list (GLOBAL: take the global entry away); gives how many had been suppressed on it."""

    def entries(self, list: str | None = None) -> Iterator[Suppression]:
        """All entries, or those of one list, by address and list."""

    def suppressed(self, list: str) -> Iterator[pa.StringArray]:
        """The addresses that are not mailed on a list, the global ones among them, some thousand at a time."""

    def among(self, addresses: Collection[str], list: str) -> set[str]:
        """Which of these (in normal form) are not mailed on a list, the global ones among them."""

    def version(self) -> int:
        """The present version; cheap."""

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        """The addresses of which an entry has changed after version ``since``; None when there are more than ``most``."""

    def close(self) -> None:
        """Let go of files and connections."""


def normal(texts: Collection[str]) -> list[str]:
    """Addresses in their normal form, which is that of the columns."""
    return addresses.normalise(pa.array(texts, pa.string())).to_pylist()  # type: ignore[no-any-return]


class ListedAddresses(Protocol):
    """Addresses that a campaign's own files suppress."""

    def holds(self, recipients: pa.StringArray) -> npt.NDArray[np.bool_]:
        """Which of these addresses, in any spelling, are among them."""


class LiveSuppression:
    """Who among the n recipients of a partition is suppressed; looked at by row, and brought up to date by ``refresh``.

    ``recipients`` are their addresses; whom ``listed`` holds is suppressed whatever the store says. ``refresh`` belongs
    to one thread, ``holds`` may be asked from another.
    """

    def __init__(
        self, store: SuppressionStore, list: str, recipients: pa.StringArray, listed: ListedAddresses | None = None
    ) -> None:
        self._store = store
        self._list = list
        self._addresses = addresses.normalise(recipients).fill_null("")
        self._always = bytes(len(recipients)) if listed is None else listed.holds(recipients).tobytes()
        self._flags = bytearray(self._always)
        self._version: int | None = None
        self.holds = self._flags.__getitem__
        """Whether a row's recipient is suppressed, as 1 or 0: the quickest look that there is."""

    def refresh(self) -> None:
        """Take in what has changed in the store. What it raises leaves the view as old as it was."""
        version = self._store.version()
        if version == self._version:
            return
        changed = None if self._version is None else self._store.changed(self._version, MOST_CHANGES)
        if changed is None:
            self._look_up(np.arange(len(self._addresses)))
        elif changed:
            here = pc.is_in(self._addresses, value_set=pa.array(changed, pa.string()))
            self._look_up(np.flatnonzero(here.to_numpy(zero_copy_only=False)))
        self._version = version

    def _look_up(self, rows: np.ndarray) -> None:
        for start in range(0, len(rows), LOOKED_UP):
            some = rows[start : start + LOOKED_UP].tolist()
            texts = self._addresses.take(pa.array(some, pa.int64())).to_pylist()
            found = self._store.among(texts, self._list)
            for row, text in zip(some, texts, strict=True):
                self._flags[row] = self._always[row] or text in found
