"""The last look at rows: what is missing, too long or no instant is refused, and what is left has the store's types."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from engine.audience.incoming import instants, json_text
from engine.audience.incoming.rows import Incoming, Refusal
from engine.audience.incoming.shapes import Shape
from engine.audience.store import INSTANT, LONGEST_JSON, LONGEST_TEXT

_NUL_IN_JSON = r"(^|[^\\])(\\\\)*\\u0000"  # an escape, not an escaped backslash before u0000
_DIGITS = 309  # of the least whole number that no double can hold
_MANY_DIGITS = rf"\d{{{_DIGITS}}}"
_SHOWN = 40
DEEPEST = 64  # objects and lists in one another


class Faults:
    """What is wrong with rows; of several things the first counts."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._reasons: dict[int, str] = {}

    def add(self, row: int, reason: str) -> None:
        self._reasons.setdefault(row, reason)

    def where(self, mask: pa.BooleanArray, reason: str | Callable[[int], str]) -> None:
        """Refuse the rows for which ``mask`` is true."""
        if not mask.true_count:  # as a rule, and in a small batch to look further costs more than to find that out
            return
        for row in np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False)).tolist():
            self.add(row, reason if isinstance(reason, str) else reason(row))

    def text(self, name: str, column: pa.Array) -> pa.Array:
        """Bytes as text; a row that is not UTF-8 is refused. Other types stay."""
        if not pt.is_binary(column.type):
            return column.cast(pa.string()) if pt.is_null(column.type) else column
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid:
            return pa.array(
                [self._decoded(row, name, each) for row, each in enumerate(column.to_pylist())], pa.string()
            )

    def _decoded(self, row: int, name: str, value: bytes | None) -> str | None:
        try:
            return None if value is None else value.decode()
        except UnicodeDecodeError:
            self.add(row, f"{name} is not UTF-8")
            return None

    def refused(self) -> list[Refusal]:
        return [Refusal(row, self._reasons[row]) for row in sorted(self._reasons)]

    def kept(self) -> pa.BooleanArray:
        kept = np.ones(self._rows, bool)
        kept[list(self._reasons)] = False
        return pa.array(kept)


def settle(shape: Shape, columns: Mapping[str, pa.Array], zone: str | None, faults: Faults) -> Incoming:
    """The rows of ``columns`` (text, instants as text or timestamps) that are good, as columns of the shape."""
    rows = len(next(iter(columns.values())))
    found: dict[str, pa.Array] = {}
    for name in shape.schema.names:
        column = columns.get(name)
        if column is None and (shape.whole or name in shape.required):
            column = pa.nulls(rows, shape.schema.field(name).type)
        if column is not None:
            found[name] = (
                _instant(name, column, zone, faults) if name in shape.instants else _text(name, column, shape, faults)
            )
    for name in shape.required:
        faults.where(pc.is_null(found[name]), f"no {name}")
    for name, beginning in shape.reserved.items():
        faults.where(pc.starts_with(found[name], beginning), f"{name} begins with `{beginning}`, which is reserved")
    refused = faults.refused()
    table = pa.RecordBatch.from_arrays(list(found.values()), list(found))
    if refused:
        table = table.filter(faults.kept())
    if shape.identity is not None:
        table = _identified(table, shape.identity)
    return Incoming(table.cast(pa.schema([shape.schema.field(name) for name in table.schema.names])), refused)


def _text(name: str, column: pa.StringArray, shape: Shape, faults: Faults) -> pa.StringArray:
    most = LONGEST_JSON if name == shape.rest else LONGEST_TEXT
    faults.where(pc.greater(pc.binary_length(column), most), f"{name} is longer than {most:,} octets")
    if name == shape.rest:
        faults.where(_beyond_doubles(column), f"{name} holds a number that is too large")
        faults.where(_too_deep(column), f"{name} is nested deeper than {DEEPEST}")
    nul = pc.match_substring(column, "\\u0000" if name == shape.rest else "\0")
    if name == shape.rest and nul.true_count:
        nul = pc.match_substring_regex(column, _NUL_IN_JSON)
    faults.where(nul, f"{name} holds a NUL character")
    blank = pc.equal(pc.utf8_trim_whitespace(column), "") if name != shape.rest else pc.equal(column, "")
    return pc.if_else(blank, pa.scalar(None, pa.string()), column)


def _beyond_doubles(column: pa.StringArray) -> pa.BooleanArray:
    """Which JSON texts hold a whole number that no double can hold; those with a point were looked at when they were read."""
    long = pc.fill_null(pc.greater_equal(pc.binary_length(column), _DIGITS), False)
    if not long.true_count:  # to compile such an expression takes longer than a small batch
        return long
    many_digits = pc.fill_null(pc.match_substring_regex(column, _MANY_DIGITS), False)
    if not many_digits.true_count:
        return many_digits
    return pa.array(
        [many and _beyond_double(str(text)) for many, text in zip(many_digits.to_pylist(), column, strict=True)]
    )


def _too_deep(column: pa.StringArray) -> pa.BooleanArray:
    """Which JSON texts are nested deeper than any reader of them may be asked to go."""
    many = pc.fill_null(pc.greater(pc.binary_length(column), 2 * DEEPEST), False)
    if many.true_count:
        many = pc.fill_null(pc.greater(pc.count_substring_regex(column, r"[\[{]"), DEEPEST), False)
    if not many.true_count:
        return many
    return pa.array(
        [each and _depth(json.loads(str(text))) > DEEPEST for each, text in zip(many.to_pylist(), column, strict=True)]
    )


def _depth(value: object) -> int:
    """Without recursion: how many objects and lists stand in one another."""
    level, depth = [value], 0
    while level:
        inner = [each for each in level if isinstance(each, dict | list)]
        depth += bool(inner)
        level = [each for outer in inner for each in (outer.values() if isinstance(outer, dict) else outer)]
    return depth


def _beyond_double(text: str) -> bool:
    try:
        json.loads(text, parse_int=lambda digits: float(int(digits)))
    except (OverflowError, ValueError):
        return True
    return False


def _instant(name: str, column: pa.Array, zone: str | None, faults: Faults) -> pa.Array:
    if not pt.is_string(column.type):
        faults.where(pc.invert(instants.in_range(column)), f"{name} is not in the years 1700 to 2199")
        return column
    column = pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), pa.scalar(None, pa.string()), column)
    found, naive = instants.parse(column, zone)
    faults.where(naive, lambda row: f"{name} `{_shown(column, row)}` has no offset, and no timezone was named")
    lost = pc.and_(pc.is_null(found), pc.is_valid(column))
    faults.where(lost, lambda row: f"{name} `{_shown(column, row)}` is no instant of ISO 8601")
    return found.cast(INSTANT)


def _shown(column: pa.StringArray, row: int) -> str:
    return str(column[row].as_py())[:_SHOWN]


def _identified(table: pa.RecordBatch, identity: str) -> pa.RecordBatch:
    """Rows without an identity get one from their content, so that to tell of one again is harmless."""
    place = table.schema.get_field_index(identity)
    given = table.column(place)
    missing = pc.is_null(given)
    if not pc.any(missing).as_py():
        return table
    micros = [each.cast(pa.int64()) if pt.is_timestamp(each.type) else each for each in table.columns]
    content = pa.RecordBatch.from_arrays(micros, table.schema.names).filter(missing).to_pylist()
    made = iter([_digest({name: value for name, value in each.items() if name != identity}) for each in content])
    filled = [next(made) if each is None else each for each in given.to_pylist()]
    return table.set_column(place, identity, pa.array(filled, pa.string()))


def _digest(content: Mapping[str, object]) -> str:
    return f"content:{hashlib.blake2b(json_text.text_of(content).encode(), digest_size=16).hexdigest()}"
