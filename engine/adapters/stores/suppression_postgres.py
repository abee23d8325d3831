"""The cluster's suppression store: one PostgreSQL database for all nodes. It is never read from a replica."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from engine.adapters.stores.pool import PooledConnection, PostgresPool
from engine.adapters.stores.pool_tables import PoolTables, columns
from engine.audience.suppression import Suppression, SuppressionReason, normal

VERSION = 1
PAGE = 8_192
_ADDED = ("address", "list", "reason", "source", "at")


class PostgresSuppression:
    """The suppressed addresses of one tenant; to close it closes its share of the pool."""

    def __init__(self, pool: PostgresPool, tenant: str) -> None:
        self._tables = PoolTables(pool, "suppression store", "suppression_postgres", VERSION, tenant=tenant)
        self._tenant = tenant

    def add(self, entries: Sequence[Suppression]) -> int:
        known = normal([each.address for each in entries])
        rows = [
            (address, each.list, each.reason.value, each.source, each.at)
            for address, each in zip(known, entries, strict=True)
            if _storable(address)
        ]
        return self._change("add", **columns(_ADDED, rows)) if rows else 0

    def remove(self, addresses: Collection[str], list: str) -> int:
        known = [each for each in normal(addresses) if _storable(each)]
        return self._change("remove", address=known, list=list) if known else 0

    def entries(self, list: str | None = None) -> Iterator[Suppression]:
        address, after = "", ""
        while page := self._tables.rows("entries", address=address, after=after, list=list, page=PAGE):
            for address, after, reason, source, at in page:  # the last one is where the next page begins
                yield Suppression(address, after, SuppressionReason(reason), source, at)

    def suppressed(self, list: str) -> Iterator[pa.StringArray]:
        after = ""
        while len(page := self._tables.read(lambda connection, after=after: self._page(connection, after, list))):  # type: ignore[misc]
            after = page[-1].as_py()
            yield page

    def among(self, addresses: Collection[str], list: str) -> set[str]:
        asked = [each for each in addresses if _storable(each)]
        return {address for (address,) in self._tables.rows("among", address=asked, list=list)} if asked else set()

    def version(self) -> int:
        return int(self._tables.rows("read_version")[0][0])

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        found = self._tables.rows("changed", since=since, most=most + 1)
        return None if len(found) > most else [address for (address,) in found]

    def close(self) -> None:
        self._tables.close()

    def _change(self, name: str, **values: object) -> int:
        def work(connection: PooledConnection) -> int:
            ((version,),) = self._tables.run(connection, "next_version")
            return self._tables.run(connection, name, version=version, **values).rowcount

        return self._tables.write(work)

    def _page(self, connection: PooledConnection, after: str, list: str) -> pa.StringArray:
        with connection.arrow.cursor() as cursor:
            cursor.execute(self._tables.statement("suppressed"), (self._tenant, after, list, PAGE))
            return cursor.fetch_arrow_table().column(0).combine_chunks()


def _storable(address: str) -> bool:
    """PostgreSQL keeps no text with NUL in it, and nobody has such an address."""
    return "\0" not in address
