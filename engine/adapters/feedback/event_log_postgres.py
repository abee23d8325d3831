"""The cluster's event log: one PostgreSQL database for all who take feedback."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from engine.adapters.stores.pool import PostgresPool
from engine.adapters.stores.pool_tables import PoolTables, columns
from engine.delivery.feedback.events import FeedbackEvent

VERSION = 1
_KEPT = ("id", "kind", "source", "at", "key", "address", "campaign", "status", "detail")


class PostgresEventLog:
    """The events of one tenant; to close it closes its share of the pool."""

    def __init__(self, pool: PostgresPool, tenant: str) -> None:
        self._tables = PoolTables(pool, "feedback log", "feedback_postgres", VERSION, tenant=tenant)

    def append(self, events: Sequence[FeedbackEvent]) -> int:
        if not events:
            return 0
        values = columns(_KEPT, [tuple(_text(getattr(each, name)) for name in _KEPT) for each in events])
        return self._tables.write(lambda connection: self._tables.run(connection, "append", **values).rowcount)

    def known(self, ids: Collection[str]) -> set[str]:
        asked = {_text(each): each for each in ids}
        return {asked[found] for (found,) in self._tables.rows("known", id=[*asked])}

    def soft_bounces(self, addresses: Collection[str], since: int) -> dict[str, int]:
        return dict(self._tables.rows("soft_bounces", address=[_text(each) for each in addresses], since=since))

    def counts(self) -> dict[tuple[str, str], int]:
        return {(kind, source): number for kind, source, number in self._tables.rows("counts")}

    def first_of(self, keys: Collection[bytes]) -> dict[bytes, tuple[str, str]]:
        return {key: (kind, source) for key, kind, source in self._tables.rows("first_of", key=[*keys])}

    def close(self) -> None:
        self._tables.close()


def _text(value: Any) -> Any:
    """PostgreSQL keeps no NUL; what others have sent may hold one."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
