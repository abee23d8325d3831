"""The store of people in PostgreSQL, beside statements that are executed one for each value, on the same server.

    python -m benchmarks.store [--people 100000] [--rounds 3] [--sample 50000]
    python -m benchmarks.store --large 10000000

The server is started on loopback, as tests start it, with its own defaults. Both sides update in one transaction; the table is
vacuumed before each pass. `executemany` is psycopg's, in its pipeline; it works on a sample, and its rate is what is compared. With
--large, a store of so many people is filled by the server itself, and its active members are read; the plan and the memory of this
process are printed.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.adapters.stores.statements import statement
from engine.adapters.stores.store_postgres import PostgresStore
from engine.audience.store import EVENTS, INSTANT, Store, Write
from tests.conftest import PostgresServer

TENANT = "default"
ASKED = 10_000
EVENTS_AT_ONCE = 2_000
START = 1_770_000_000_000_000
TYPES, SINCE = ["behavioral", "demographic"], "now() - interval '30 days'"
UPDATE = "UPDATE mailray.users SET attributes = attributes || %s::jsonb WHERE tenant = %s AND user_id = %s"
FILL = (
    """INSERT INTO mailray.users (tenant, user_id, email, first_name, subscription_status, created_at, last_activity,
           attributes, version, name_sequences)
       SELECT 'default', 'user-' || lpad(n::text, 8, '0'), 'user' || n || '@example.com', 'Name' || n %% 997,
           CASE WHEN n %% 5 = 0 THEN 'unsubscribed' ELSE 'active' END, now() - interval '2 years',
           now() - random() * interval '300 days', jsonb_build_object('tier', 'gold', 'orders', n %% 40), 1, '{}'
       FROM generate_series(1, %(people)s) AS n""",
    """INSERT INTO mailray.user_segments
       SELECT 'default', 'user-' || lpad(n::text, 8, '0'), (ARRAY['behavioral', 'demographic', 'lifecycle'])[1 + n %% 3],
           'value ' || n %% 10, true, now(), 1, 1
       FROM generate_series(1, %(people)s) AS n""",
    "VACUUM ANALYZE mailray.users, mailray.user_segments",
)


class Bench:
    """One store and a plain connection to the same database."""

    def __init__(self, store: Store, plain: psycopg.Connection[Any], people: int) -> None:
        self.store, self.plain = store, plain
        self.users = [f"user-{n:08d}" for n in range(people)]
        self._writes = 0

    def write(self) -> Write:
        self._writes += 1
        return Write("benchmark", "step", str(self._writes), self._writes)

    def fill(self) -> None:
        columns = {
            "user_id": self.users,
            "email": [f"{each}@example.com" for each in self.users],
            "first_name": [f"Name{n % 997}" for n in range(len(self.users))],
            "subscription_status": ["active"] * len(self.users),
            "last_activity": pa.array([START + n for n in range(len(self.users))], INSTANT),
            "attributes": [json.dumps({"tier": "gold", "orders": n % 40}) for n in range(len(self.users))],
        }
        self.store.put_users(pa.record_batch(columns), self.write())

    def ours(self, names: int, turn: int) -> float:
        """Attributes a second, so many for each person."""
        texts = [json.dumps({f"name{k}": n + turn for k in range(names)}) for n in range(len(self.users))]
        changes = pa.record_batch({"user_id": self.users, "attributes": texts})
        return len(self.users) * names / self._seconds(lambda: self.store.update_attributes(changes, self.write()))

    def executemany(self, names: int, turn: int, sample: int) -> float:
        rows = [
            (json.dumps({f"name{k}": n + turn}), TENANT, user)
            for n, user in enumerate(self.users[: sample // names])
            for k in range(names)
        ]

        def work() -> None:
            with self.plain.transaction(), self.plain.cursor() as cursor:
                cursor.executemany(UPDATE, rows)

        return len(rows) / self._seconds(work)

    def found(self) -> float:
        """People a second, by their ids, as Arrow."""
        ids = pa.array(self.users[:: len(self.users) // ASKED][:ASKED])
        return ASKED / self._seconds(lambda: self.store.users(ids), vacuum=False)

    def rows(self) -> float:
        ids = self.users[:: len(self.users) // ASKED][:ASKED]
        values = {"tenant": TENANT, "ids": ids}

        def work() -> None:
            found = self.plain.execute(statement("store_postgres", "users"), values)
            names = [each.name for each in found.description or ()]
            pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in found.fetchall()])

        return ASKED / self._seconds(work, vacuum=False)

    def events(self, turn: int) -> float:
        """Events a second, each batch durable before the next."""
        batches = [
            pa.record_batch(
                [
                    [f"{turn} {at} {n}" for n in range(EVENTS_AT_ONCE)],
                    self.users[:EVENTS_AT_ONCE],
                    ["opened"] * EVENTS_AT_ONCE,
                    pa.array([START] * EVENTS_AT_ONCE, INSTANT),
                    ["spring"] * EVENTS_AT_ONCE,
                    ['{"device": "phone"}'] * EVENTS_AT_ONCE,
                ],
                schema=EVENTS,
            )
            for at in range(10)
        ]
        return (
            10 * EVENTS_AT_ONCE / self._seconds(lambda: [self.store.put_events(each) for each in batches], vacuum=False)
        )

    def _seconds(self, work: Callable[[], object], vacuum: bool = True) -> float:
        if vacuum:
            self.plain.execute("VACUUM mailray.users")
        began = time.perf_counter()
        work()
        return time.perf_counter() - began


@contextmanager
def opened(people: int) -> Iterator[Bench]:
    server = PostgresServer()
    server.start()
    try:
        pool = PostgresPool(parse_database(server.url, server.password, STORE), [], PoolLimits(), lag=0)
        with closing(PostgresStore(pool, TENANT)) as store:
            store.version()
            with psycopg.connect(server.url, password=server.password, autocommit=True) as plain:
                yield Bench(store, plain, people)
    finally:
        server.remove()


def compare(console: Console, people: int, rounds: int, sample: int) -> None:
    table = Table(title=f"{people:,} people", title_justify="left")
    for heading in ("a second", "Mailray", "plain", "times", "range"):
        table.add_column(heading, justify="left" if heading == "a second" else "right")
    with opened(people) as bench:
        bench.fill()

        def each(names: int) -> tuple[Callable[[int], float], Callable[[int], float]]:
            return lambda turn: bench.ours(names, turn), lambda turn: bench.executemany(names, turn, sample)

        subjects: dict[str, tuple[Callable[[int], float], Callable[[int], float] | None]] = {
            **{f"attributes, {names} for each person": each(names) for names in (1, 10, 50)},
            f"people by {ASKED:,} ids": (lambda _: bench.found(), lambda _: bench.rows()),
            f"events, {EVENTS_AT_ONCE:,} at once": (bench.events, None),
        }
        for name, (ours, plain) in subjects.items():
            passes = [(ours(turn), plain(turn) if plain else 0.0) for turn in range(rounds)]
            rates = [f"{statistics.median(each):,.0f}" for each in zip(*passes, strict=True)]
            if plain is None:
                table.add_row(name, rates[0])
            else:
                ratios = [mine / theirs for mine, theirs in passes]
                spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
                table.add_row(name, *rates, f"{statistics.median(ratios):.1f}", spread)
    console.print(table)


def large(console: Console, people: int) -> None:
    with opened(0) as bench:
        began = time.perf_counter()
        for text in FILL:
            bench.plain.execute(text, {"people": people} if "%(people)s" in text else None)
        console.print(f"{people:,} people in {time.perf_counter() - began:,.0f} s")
        found = bench.plain.execute(f"SELECT (extract(epoch FROM {SINCE}) * 1000000)::bigint").fetchone()
        assert found is not None
        began, rows, first = time.perf_counter(), 0, (0.0, 0)
        for batch in bench.store.active_members(TYPES, found[0]):
            rows += batch.num_rows
            first = first if first[1] else (time.perf_counter() - began, _peak())
        console.print(
            f"{rows:,} active members in {time.perf_counter() - began:.1f} s, the first after {first[0]:.2f} s"
        )
        console.print(
            f"peak memory of this process: {first[1]} MiB after the first batch, {_peak()} MiB after the last"
        )
        values = {"tenant": TENANT, "types": TYPES}
        text = statement("store_postgres", "active_members").replace("%(since)s", SINCE)
        with bench.plain.transaction():
            bench.plain.execute(statement("store_postgres", "in_order"))
            asked = psycopg.ClientCursor(bench.plain).mogrify(text, values)
            for (line,) in bench.plain.execute(f"EXPLAIN (ANALYZE, BUFFERS) {asked}").fetchall():
                console.print(line, markup=False, highlight=False)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=50_000, help="statements of each pass of executemany")
    parser.add_argument("--large", type=int, help="people of a store that is filled and read, and nothing else")
    arguments = parser.parse_args()
    console = Console(soft_wrap=True)
    if arguments.large:
        large(console, arguments.large)
    else:
        compare(console, arguments.people, arguments.rounds, arguments.sample)


if __name__ == "__main__":
    main()
