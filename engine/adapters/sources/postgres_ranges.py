"""A reading of PostgreSQL in parts: ranges of the key that an index leads to, each in the order of the key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from engine.adapters.sources.postgres_session import Session, SnapshotReader
from engine.adapters.sources.postgres_types import PostgresColumn

_CHEAP = 50
"""So many times cheaper than all rows is the first by key where an index has their order."""
# What differs from one transaction to the next is read in one alone.
_OF_TRANSACTION = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|pg_backend_pid)\(|\b(CURRENT|LOCAL)_?TIME|CURRENT_DATE"
)


@dataclass(frozen=True, slots=True)
class Range:
    """The keys from ``low`` up to before ``high``, as SQL writes them; None is no bound. ``nulls`` are rows without a key, and no others.

    ``indexed`` says that their order comes from an index.
    """

    low: str | None = None
    high: str | None = None
    nulls: bool = False
    indexed: bool = False

    def condition(self, key: str) -> str:
        if self.nulls:
            return f"{key} IS NULL"
        low = [] if self.low is None else [f"{key} >= {self.low}"]
        high = [] if self.high is None else [f"{key} < {self.high}"]
        return " AND ".join([*low, *high]) or "TRUE"


@dataclass(frozen=True, slots=True)
class Selected:
    """What is read: ``rows`` is the query as it stands in a FROM, ``filter`` a condition on them, ``key`` the key's column."""

    rows: str
    filter: str | None
    key: PostgresColumn
    columns: Sequence[PostgresColumn]

    def keys(self) -> str:
        """The keys of the rows, in a form that orders as they do."""
        return f"SELECT {self.key.ordered} FROM {self.rows} WHERE {self.filter or 'TRUE'}"  # noqa: S608

    def statement(self, part: Range, *, settled: bool) -> str:
        """The rows of a part by key; ``settled`` if also those of one key are always in the same order."""
        others = [each.ordered for each in self.columns if each.name != self.key.name]
        return (
            f"SELECT {', '.join(each.sql for each in self.columns)} FROM {self.rows} "  # noqa: S608
            f"WHERE {part.condition(f'({self.key.ordered})')} AND {self.filter or 'TRUE'} "
            f"ORDER BY {', '.join([self.key.ordered, *(others if settled else [])])}"
        )


def ranges(session: Session, selected: Selected, range_rows: int) -> list[Range]:
    """Parts of the rows, in the order of their keys; a single one if they are better read as one.

    The bounds are every ``range_rows``-th key, so that parts are alike however the keys are spread.
    """
    if not _has_ranges(session, selected.keys(), range_rows):
        return [Range()]
    bounds = list(_bounds(session, selected, range_rows))
    parts = [Range(*pair, indexed=True) for pair in zip([None, *bounds], [*bounds, None], strict=True)]
    nulls = session.rows(f"SELECT EXISTS ({selected.keys()} AND ({selected.key.ordered}) IS NULL)")[0][0]
    return [*parts, Range(nulls=True)] if nulls and bounds else parts


def _has_ranges(session: Session, keys: str, range_rows: int) -> bool:
    """Whether an index leads to the beginning of the key's order, there are rows for two parts, and all transactions see the same."""
    whole = session.rows(f"EXPLAIN (VERBOSE, FORMAT JSON) {keys}")[0][0]
    first = session.rows(f"EXPLAIN (FORMAT JSON) {keys} ORDER BY 1 LIMIT 1")[0][0]
    plan = whole[0]["Plan"]
    return (
        plan["Plan Rows"] >= 2 * range_rows
        and first[0]["Plan"]["Total Cost"] * _CHEAP <= plan["Total Cost"]
        and _OF_TRANSACTION.search(json.dumps(whole)) is None
    )


def _bounds(session: Session, selected: Selected, range_rows: int) -> Iterator[str]:
    """Keys as literals, each greater than the last."""
    session.rows(f"DECLARE bounds NO SCROLL CURSOR FOR {selected.keys()} ORDER BY 1")
    last = None
    while True:
        session.rows(f"MOVE FORWARD {range_rows} IN bounds")
        found = session.rows("FETCH 1 FROM bounds")
        if not found or found[0][0] is None:
            break
        if found[0][0] != last:
            last = found[0][0]
            yield _literal(selected.key, last)
    session.rows("CLOSE bounds")


def _literal(key: PostgresColumn, value: object) -> str:
    return "'" + str(value).replace("'", "''") + f"'::{key.literal}"


class RangeReader:
    """Reads parts in one snapshot.

    An index has the order of the keys for nothing, and what follows it costs as much as the reading itself. So a part is read by key
    alone, until a key comes a second time; from that one on it is read again, and in full order.
    """

    def __init__(self, session: Session, snapshot: str, reader: SnapshotReader, selected: Selected) -> None:
        self._session = session
        self._snapshot = snapshot
        self._reader = reader
        self._selected = selected
        self._again: SnapshotReader | None = None

    def read(self, part: Range) -> Iterator[pa.RecordBatch]:
        selected = self._selected
        key = next((n for n, each in enumerate(selected.columns) if each.name == selected.key.name), None)
        if key is None or not part.indexed:
            yield from self._reader.read(selected.statement(part, settled=True))
            return
        last: pa.RecordBatch | None = None
        for batch in self._reader.read(selected.statement(part, settled=False)):
            if not batch.num_rows:  # the driver may end with one
                continue
            keys = batch.column(key)
            if last is not None:
                if last.column(key)[-1].equals(keys[0]):
                    yield last[:-1]
                    yield from self._settled(part, keys[0])
                    return
                yield last
            repeated = pc.index(pc.equal(keys[1:], keys[:-1]), True).as_py()
            if repeated >= 0:
                yield batch[:repeated]
                yield from self._settled(part, keys[repeated])
                return
            last = batch
        if last is not None:
            yield last

    def cancel(self) -> None:
        self._reader.cancel()
        if self._again is not None:
            self._again.cancel()

    def _settled(self, part: Range, first: pa.Scalar) -> Iterator[pa.RecordBatch]:
        rest = replace(part, low=_literal(self._selected.key, first))
        with self._session.reader(self._snapshot) as reader:
            self._again = reader
            yield from reader.read(self._selected.statement(rest, settled=True))
