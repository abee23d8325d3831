"""The suppression store that is gone when the process ends: for rehearsals and tests."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from engine.audience.suppression import GLOBAL, Suppression, normal


class MemorySuppression:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, str], Suppression] = {}
        self._changed: dict[str, int] = {}
        self._version = 0

    def add(self, entries: Sequence[Suppression]) -> int:
        known = normal([each.address for each in entries])
        with self._lock:
            self._version += 1
            before = len(self._entries)
            for address, each in zip(known, entries, strict=True):
                if (address, each.list) not in self._entries:
                    self._entries[address, each.list] = Suppression(
                        address, each.list, each.reason, each.source, each.at
                    )
                    self._changed[address] = self._version
            return len(self._entries) - before

    def remove(self, addresses: Collection[str], list: str) -> int:
        with self._lock:
            self._version += 1
            gone = [each for each in normal(addresses) if self._entries.pop((each, list), None) is not None]
            self._changed.update(dict.fromkeys(gone, self._version))
            return len(gone)

    def entries(self, list: str | None = None) -> Iterator[Suppression]:
        with self._lock:
            found = sorted(self._entries.items())
        yield from (entry for _, entry in found if list in (None, entry.list))

    def suppressed(self, list: str) -> Iterator[pa.StringArray]:
        yield pa.array(sorted({each.address for each in self.entries() if each.list in (GLOBAL, list)}), pa.string())

    def among(self, addresses: Collection[str], list: str) -> set[str]:
        with self._lock:
            return {each for each in addresses if (each, GLOBAL) in self._entries or (each, list) in self._entries}

    def version(self) -> int:
        return self._version

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        with self._lock:
            found = [address for address, version in self._changed.items() if version > since]
        return None if len(found) > most else found

    def close(self) -> None:
        return None
