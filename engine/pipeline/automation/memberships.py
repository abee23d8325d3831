"""Segments that steps let people enter: of one type each person is in one, or in none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from engine.audience.store import MEMBERSHIPS
from engine.workflow.json_columns import read_foreign

SECOND = 1_000_000
_PAYLOAD = {"segment_type": pa.string(), "segment_value": pa.string()}
_NAMES = ("user_id", "segment_type", "segment_value")


@dataclass(frozen=True, slots=True)
class Entered:
    """Effects of kind MEMBERSHIP, read. ``effects`` and ``rows`` (MEMBERSHIPS) are those that enter a segment; ``emptied`` is by person
    and type when they came to be in none (UTC microseconds), None where that was not decided; ``named`` are those that decide it."""

    effects: pa.RecordBatch
    rows: pa.RecordBatch
    emptied: dict[tuple[str, str], int | None]
    named: list[str]


def entered(effects: pa.RecordBatch) -> Entered:
    """Read effects, which are in the order of their instants."""
    columns = read_foreign(effects.column("payload"), _PAYLOAD)
    users, kinds = effects.column("user_id").to_pylist(), columns["segment_type"].to_pylist()
    enters = pc.is_valid(columns["segment_value"])
    emptied: dict[tuple[str, str], int | None] = {}
    at = effects.column("at").view(pa.int64()).to_pylist()
    for user, kind, instant, into in zip(users, kinds, at, enters.to_pylist(), strict=True):
        emptied[user, kind] = emptied.get((user, kind)) if into else instant
    arrays = [effects.column("user_id"), *columns.values(), pa.repeat(True, effects.num_rows), effects.column("at")]
    rows = pa.RecordBatch.from_arrays([each.filter(enters) for each in arrays], schema=MEMBERSHIPS)
    named = effects.column("name").filter(pc.invert(enters)).to_pylist()
    return Entered(effects.filter(enters), rows, emptied, named)


def sequence_of(at: int) -> int:
    """Of what was decided at an instant: the end of its second. What was decided in one second can be written together."""
    return -(-at // SECOND) * SECOND


def outlived(
    held: pa.RecordBatch, emptied: dict[tuple[str, str], int | None]
) -> Iterator[tuple[int, list[str], pa.RecordBatch]]:
    """Of active memberships (MEMBERSHIPS, sorted) those of some people and types that are so no longer: all but the one that was
    entered last, and that one too if it was before its person came to be in none. With the sequence of what ended them, and a name
    for each.
    """
    ids = zip(*(held.column(name).to_pylist() for name in _NAMES), strict=True)
    rows = zip(held.column("created_at").view(pa.int64()).to_pylist(), ids, range(held.num_rows), strict=True)
    left: dict[int, list[tuple[int, str]]] = {}
    for key, group in groupby(rows, lambda row: row[1][:2]):
        if key in emptied:
            *gone, last = sorted(group)
            end = max(last[0], emptied[key] or last[0])
            if emptied[key] == end:
                gone.append(last)
            left.setdefault(sequence_of(end), []).extend((row, " ".join((*of, str(end)))) for _, of, row in gone)
    for sequence, places in left.items():
        batch = held.take(pa.array([row for row, _ in places], pa.int64()))
        active = batch.schema.get_field_index("active")
        rest = batch.set_column(active, batch.schema.field(active), pa.repeat(False, batch.num_rows))
        yield sequence, [name for _, name in places], rest
