"""The cluster's store of frequency caps and daily allowances: one PostgreSQL database for all nodes.

Whoever reserves locks a row of each recipient first, so that of two runs that want the last place one waits and sees that it is
gone; runs for different recipients do not wait for each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from engine.adapters.stores.pool import PooledConnection, PostgresPool
from engine.adapters.stores.pool_tables import PoolTables, columns
from engine.audience.frequency import Cap, Reservation
from engine.errors import TryAgainError

VERSION = 1
Places = dict[tuple[bytes, bytes], int]  # the instant by key and holder


class PostgresCaps:
    """What was sent to whom of late, for one tenant; to close it closes its share of the pool."""

    def __init__(self, pool: PostgresPool, tenant: str) -> None:
        self._tables = PoolTables(pool, "store of frequency caps", "caps_postgres", VERSION, tenant=tenant)

    def reserve(
        self, wanted: Sequence[Reservation], caps: Sequence[Cap], now: int, until: int, holder: bytes
    ) -> Sequence[bool]:
        if not wanted:
            return []
        recipients = [each.recipient for each in wanted]
        longest = max((cap.per for cap in caps), default=0)

        def work(connection: PooledConnection) -> list[bool]:
            self._tables.run(connection, "lock", recipient=recipients, until=until)
            found = self._tables.run(connection, "standing", recipient=recipients, after=now - longest)
            standing: defaultdict[bytes, Places] = defaultdict(dict)
            for recipient, key, of, at in found:
                standing[recipient][key, of] = at
            granted = [_reserve(standing[each.recipient], each.key, holder, caps, now, until) for each in wanted]
            given = {each.key: each.recipient for each, yes in zip(wanted, granted, strict=True) if yes}
            values = {"key": [*given], "recipient": [*given.values()], "holder": holder, "until": until}
            self._tables.run(connection, "reserve", **values)
            return granted

        return self._tables.write(work)

    def settle(self, settled: Sequence[tuple[bytes, int | None]], holder: bytes) -> None:
        unsent = {key for key, at in settled if at is None}
        sent = {key: at for key, at in settled if key not in unsent}

        def work(connection: PooledConnection) -> None:
            if sent:
                self._tables.run(connection, "sent", holder=holder, **columns(("key", "at"), [*sent.items()]))
            if unsent:
                self._tables.run(connection, "unsent", holder=holder, key=[*unsent])

        self._tables.write(work)

    def held(self, holder: bytes) -> list[bytes]:
        return [key for (key,) in self._tables.rows("held", holder=holder)]

    def forget(self, before: int) -> None:
        def work(connection: PooledConnection) -> None:
            self._tables.run(connection, "forget", before=before)
            self._tables.run(connection, "forget_recipients", before=before)

        self._tables.write(work)

    def allot(self, name: str, day: int, most: int, wanted: int) -> int:
        def work(connection: PooledConnection) -> int:
            ((used,),) = self._tables.run(connection, "used", name=name, day=day)
            given: int = max(0, min(wanted, most - used))
            self._tables.run(connection, "use", name=name, day=day, number=given)
            return given

        return self._tables.write(work)  # what a repeat takes a second time is lost for that day

    def give_back(self, name: str, day: int, number: int) -> None:
        begun = False

        def work(connection: PooledConnection) -> None:
            nonlocal begun
            begun = True
            self._tables.run(connection, "use", name=name, day=day, number=-number)

        try:
            self._tables.write_once(work)
        except TryAgainError:
            if not begun:  # it may have been given back: to do it again could let too many go
                raise

    def close(self) -> None:
        self._tables.close()


def _reserve(places: Places, key: bytes, holder: bytes, caps: Sequence[Cap], now: int, until: int) -> bool:
    others = [at for place, at in places.items() if place != (key, holder)]
    if any(sum(at > now - cap.per for at in others) >= cap.messages for cap in caps):
        return False
    places[key, holder] = until
    return True
