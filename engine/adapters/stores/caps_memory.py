"""The store of frequency caps and daily allowances that is gone when the process ends: for rehearsals and tests."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence

from engine.audience.frequency import Cap, Reservation

Place = tuple[bytes, bytes]  # key and holder


class MemoryCaps:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recipients: dict[Place, bytes] = {}
        self._at: defaultdict[bytes, dict[Place, int]] = defaultdict(dict)
        self._open: set[Place] = set()
        self._used: Counter[tuple[str, int]] = Counter()

    def reserve(
        self, wanted: Sequence[Reservation], caps: Sequence[Cap], now: int, until: int, holder: bytes
    ) -> Sequence[bool]:
        with self._lock:
            return [self._reserve(each, caps, now, until, holder) for each in wanted]

    def _reserve(self, wanted: Reservation, caps: Sequence[Cap], now: int, until: int, holder: bytes) -> bool:
        place = (wanted.key, holder)
        others = [at for each, at in self._at[wanted.recipient].items() if each != place]
        if any(sum(at > now - cap.per for at in others) >= cap.messages for cap in caps):
            return False
        self._at[wanted.recipient][place] = until
        self._recipients[place] = wanted.recipient
        self._open.add(place)
        return True

    def settle(self, settled: Sequence[tuple[bytes, int | None]], holder: bytes) -> None:
        with self._lock:
            for key, at in settled:
                place = (key, holder)
                self._open.discard(place)
                if place in self._recipients and at is None:
                    del self._at[self._recipients.pop(place)][place]
                elif place in self._recipients and at is not None:
                    self._at[self._recipients[place]][place] = at

    def held(self, holder: bytes) -> list[bytes]:
        with self._lock:
            return [key for key, each in self._open if each == holder]

    def forget(self, before: int) -> None:
        with self._lock:
            for recipient, messages in [*self._at.items()]:
                for place in [place for place, at in messages.items() if at < before]:
                    del messages[place], self._recipients[place]
                    self._open.discard(place)
                if not messages:
                    del self._at[recipient]

    def allot(self, name: str, day: int, most: int, wanted: int) -> int:
        with self._lock:
            given = max(0, min(wanted, most - self._used[name, day]))
            self._used[name, day] += given
            return given

    def give_back(self, name: str, day: int, number: int) -> None:
        with self._lock:
            self._used[name, day] = max(0, self._used[name, day] - number)

    def close(self) -> None:
        return None
