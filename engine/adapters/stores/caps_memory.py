"""The store of frequency caps that is gone when the process ends: for rehearsals and tests."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence

from engine.audience.frequency import Cap, Reservation


class MemoryCaps:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recipients: dict[bytes, bytes] = {}
        self._at: defaultdict[bytes, dict[bytes, int]] = defaultdict(dict)
        self._holders: dict[bytes, str] = {}

    def reserve(
        self, wanted: Sequence[Reservation], caps: Sequence[Cap], now: int, until: int, holder: str
    ) -> Sequence[bool]:
        with self._lock:
            return [self._reserve(each, caps, now, until, holder) for each in wanted]

    def _reserve(self, wanted: Reservation, caps: Sequence[Cap], now: int, until: int, holder: str) -> bool:
        others = [at for key, at in self._at[wanted.recipient].items() if key != wanted.key]
        if any(sum(at > now - cap.per for at in others) >= cap.messages for cap in caps):
            return False
        self._at[wanted.recipient][wanted.key] = until
        self._recipients[wanted.key] = wanted.recipient
        self._holders[wanted.key] = holder
        return True

    def settle(self, settled: Sequence[tuple[bytes, int | None]]) -> None:
        with self._lock:
            for key, at in settled:
                self._holders.pop(key, None)
                if at is None and key in self._recipients:
                    del self._at[self._recipients.pop(key)][key]
                elif at is not None and key in self._recipients:
                    self._at[self._recipients[key]][key] = at

    def held(self, holder: str) -> list[bytes]:
        with self._lock:
            return [key for key, each in self._holders.items() if each == holder]

    def forget(self, before: int) -> None:
        with self._lock:
            for recipient, messages in [*self._at.items()]:
                for key in [key for key, at in messages.items() if at < before]:
                    del messages[key], self._recipients[key]
                    self._holders.pop(key, None)
                if not messages:
                    del self._at[recipient]

    def close(self) -> None:
        return None
