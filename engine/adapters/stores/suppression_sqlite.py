"""The embedded suppression store: a SQLite file that outlives runs, shared by all processes of one machine."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from engine.adapters.stores.sqlite_file import SqliteFile
from engine.audience.suppression import Suppression, SuppressionReason, normal

VERSION = 1
PAGE = 8_192


class SqliteSuppression:
    """``path`` is made when it is first used and does not exist."""

    def __init__(self, path: Path, tenant: str) -> None:
        self._file = SqliteFile(path, "suppression store", "suppression", VERSION)
        self._tenant = tenant

    def add(self, entries: Sequence[Suppression]) -> int:
        known = normal([each.address for each in entries])
        with self._file.transaction() as connection:
            (version,) = connection.execute(self._file.statement("next_version")).fetchone()
            rows = [
                (self._tenant, address, each.list, each.reason.value, each.source, each.at, version)
                for address, each in zip(known, entries, strict=True)
            ]
            return connection.executemany(self._file.statement("add"), rows).rowcount if rows else 0

    def remove(self, addresses: Collection[str], list: str) -> int:
        known = normal(addresses)
        with self._file.transaction() as connection:
            (version,) = connection.execute(self._file.statement("next_version")).fetchone()
            rows = [(version, self._tenant, address, list) for address in known]
            return connection.executemany(self._file.statement("remove"), rows).rowcount if rows else 0

    def entries(self, list: str | None = None) -> Iterator[Suppression]:
        address, after = "", ""
        while page := self._read("entries", self._tenant, address, after, list, PAGE):
            for address, after, reason, source, at in page:  # the last one is where the next page begins
                yield Suppression(address, after, SuppressionReason(reason), source, at)

    def suppressed(self, list: str) -> Iterator[pa.StringArray]:
        after = ""
        while page := self._read("suppressed", self._tenant, after, list, PAGE):
            after = page[-1][0]
            yield pa.array([address for (address,) in page], pa.string())

    def among(self, addresses: Collection[str], list: str) -> set[str]:
        asked = json.dumps([*addresses], ensure_ascii=False)
        return {address for (address,) in self._read("among", self._tenant, asked, list)}

    def version(self) -> int:
        return int(self._read("read_version")[0][0])

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        found = self._read("changed", self._tenant, since, most + 1)
        return None if len(found) > most else [address for (address,) in found]

    def close(self) -> None:
        self._file.close()

    def _read(self, name: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with self._file.transaction("DEFERRED") as connection:
            return connection.execute(self._file.statement(name), values).fetchall()
