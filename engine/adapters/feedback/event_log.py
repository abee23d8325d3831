"""The embedded event log: a SQLite file that outlives runs, shared by all processes of one machine."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from engine.adapters.stores.sqlite_file import SqliteFile
from engine.delivery.feedback.events import FeedbackEvent

VERSION = 1


class SqliteEventLog:
    """``path`` is made when it is first used and does not exist."""

    def __init__(self, path: Path, tenant: str) -> None:
        self._file = SqliteFile(path, "feedback log", "feedback", VERSION)
        self._tenant = tenant

    def append(self, events: Sequence[FeedbackEvent]) -> int:
        rows = [
            (
                self._tenant,
                each.id,
                each.kind.value,
                each.source,
                each.at,
                each.key,
                each.address,
                each.campaign,
                each.status,
                each.detail,
            )
            for each in events
        ]
        with self._file.transaction() as connection:
            return connection.executemany(self._file.statement("append"), rows).rowcount if rows else 0

    def known(self, ids: Collection[str]) -> set[str]:
        asked = json.dumps([*ids])
        return {found for (found,) in self._read("known", self._tenant, asked)}

    def soft_bounces(self, addresses: Collection[str], since: int) -> dict[str, int]:
        asked = json.dumps([*addresses], ensure_ascii=False)
        return dict(self._read("soft_bounces", self._tenant, asked, since))

    def counts(self) -> dict[tuple[str, str], int]:
        return {(kind, source): number for kind, source, number in self._read("counts", self._tenant)}

    def first_of(self, keys: Collection[bytes]) -> dict[bytes, tuple[str, str]]:
        with self._file.transaction("DEFERRED") as connection:
            statement = self._file.statement("first_of")
            found = {key: connection.execute(statement, (self._tenant, key)).fetchone() for key in keys}
        return {key: event for key, event in found.items() if event is not None}

    def close(self) -> None:
        self._file.close()

    def _read(self, name: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with self._file.transaction("DEFERRED") as connection:
            return connection.execute(self._file.statement(name), values).fetchall()
