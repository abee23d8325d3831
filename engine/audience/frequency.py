"""No more than so many messages to one recipient in so much time, whatever campaign they are of.

A place is reserved before a message is sent, under its delivery key and by its run, so that to reserve twice is to reserve
once. What stands in the store is the latest instant at which the message can reach the recipient: for a reservation its end, for
a message that was sent the time of its outcome. Thus a count over the store is never too small, whoever dies in between.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from engine.audience import addresses

HOLD = 3_600_000_000
"""Microseconds for which a reservation may be used."""
DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``messages`` in any ``per`` microseconds."""

    messages: int
    per: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place for the message ``key`` (16 bytes) among those of a recipient, who is named by a digest."""

    key: bytes
    recipient: bytes


class CapsStore(Protocol):
    """What was sent to whom of late, for all runs of one tenant. Every method may block, may be called from any thread and by several
    processes at once. Raises TryAgainError (MR671) when the store cannot be used now, InputError (MR672) when it is damaged."""

    def reserve(
        self, wanted: Sequence[Reservation], caps: Sequence[Cap], now: int, until: int, holder: bytes
    ) -> Sequence[bool]:
        """Reserve in order, each atomically: True where, besides itself, fewer messages than each cap allows stand after
        ``now - per``; it is then held by ``holder`` and stands at ``until``. Durable when it returns."""

    def settle(self, settled: Sequence[tuple[bytes, int | None]], holder: bytes) -> None:
        """Of each key of a holder the instant at which the message was, or may have been, sent, or None: it has not been. To settle
        again changes nothing; a key that was never reserved is passed over."""

    def held(self, holder: bytes) -> list[bytes]:
        """The keys that ``holder`` has reserved and not settled."""

    def forget(self, before: int) -> None:
        """Drop what stands before an instant."""

    def close(self) -> None: ...


def recipient_digests(tenant: str, recipients: pa.StringArray) -> list[bytes]:
    """What stands for each address in a store: its normal form, keyed by the tenant, so that the store names nobody."""
    key = hashlib.blake2b(tenant.encode(), digest_size=32).digest()
    texts = addresses.normalise(recipients).fill_null("").to_pylist()
    return [hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES, key=key).digest() for text in texts]


class PartitionCaps:
    """The reservations of one partition's messages. ``holder`` names run and partition for ever.

    ``keys`` and ``recipients`` (digests) are by row. All may be called from any thread; ``reserved`` and ``settle`` never wait.
    """

    def __init__(
        self, store: CapsStore, caps: Sequence[Cap], holder: str, keys: Sequence[bytes], recipients: Sequence[bytes]
    ) -> None:
        self._store = store
        self._caps = caps
        self._holder = hashlib.blake2b(holder.encode(), digest_size=DIGEST_BYTES).digest()
        self._keys = keys
        self._recipients = recipients
        self._usable_until: dict[int, int] = {}
        self._settled: deque[tuple[bytes, int | None]] = deque()  # appended to and taken from by several threads
        self._writing = threading.Lock()  # a key that is given back and reserved anew must be written in this order

    def reserve(self, rows: Sequence[int], now: int) -> list[int]:
        """Reserve for these rows, and give those that are one message too many."""
        wanted = [Reservation(self._keys[row], self._recipients[row]) for row in rows]
        with self._writing:
            self._flush()
            granted = self._store.reserve(wanted, self._caps, now, now + HOLD, self._holder)
        self._usable_until.update((row, now + HOLD) for row, each in zip(rows, granted, strict=True) if each)
        denied = [row for row, each in zip(rows, granted, strict=True) if not each]
        for row in denied:
            self.settle(row, None)  # what had been reserved for it before and was not used in time
        return denied

    def reserved(self, row: int, now: int) -> bool:
        return now < self._usable_until.get(row, 0)

    def settle(self, row: int, sent_at: int | None) -> None:
        """To be written down by the next ``flush``; nothing for a row without a reservation."""
        if self._usable_until.pop(row, None) is not None:
            self._settled.append((self._keys[row], sent_at))

    def flush(self) -> None:
        """What cannot be written now is kept for the next time."""
        if self._settled:
            with self._writing:
                self._flush()

    def release(self) -> None:
        """Give back all that is reserved and was not settled."""
        for row in [*self._usable_until]:
            self.settle(row, None)
        self.flush()

    def recover(self, sent: Mapping[int, int], now: int) -> None:
        """Settle what an earlier owner has left: ``sent`` are the rows that were, or may have been, sent, with the instant."""
        left = set(self._store.held(self._holder))
        if left:
            known = {self._keys[row]: at for row, at in sent.items()}
            self._store.settle([(key, known.get(key)) for key in left], self._holder)
        self._store.forget(now - max(cap.per for cap in self._caps) - HOLD)

    def _flush(self) -> None:
        settled = [self._settled.popleft() for _ in range(len(self._settled))]
        if not settled:
            return
        try:
            self._store.settle(settled, self._holder)
        except BaseException:
            self._settled.extendleft(reversed(settled))
            raise
