"""Rows from elsewhere, as columns of any names and types or as JSON objects, read as one of the store's tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from engine.audience.columns import plain_type
from engine.audience.incoming import json_text
from engine.audience.incoming.instants import localised
from engine.audience.incoming.rows import Incoming
from engine.audience.incoming.settling import Faults, settle
from engine.audience.incoming.shapes import Shape
from engine.audience.store import INSTANT
from engine.errors import Diagnostic, InputError, did_you_mean


class Reading:
    """How rows are read: as a ``shape``, where its columns have other names (ours to theirs), and the zone of local times.

    What one row gives does not depend on the rows that are read with it.
    """

    def __init__(self, shape: Shape, names: Mapping[str, str] | None = None, zone: str | None = None) -> None:
        self.shape = shape
        self.zone = zone
        self._names = {name: (names or {}).get(name, name) for name in shape.schema.names}

    def check(self, schema: pa.Schema, source: str) -> None:
        """Raises InputError (MR781 to MR783) when rows with these columns cannot be read at all."""
        faults = [*self._missing(schema, source), *self._unreadable(schema, source)]
        if faults:
            raise InputError(*faults)

    def columns(self, batch: pa.RecordBatch) -> Incoming:
        """Rows of a file with columns that ``check`` has let pass. Bytes are taken for UTF-8."""
        faults = Faults(batch.num_rows)
        ours = {theirs: name for name, theirs in self._names.items()}
        found: dict[str, pa.Array] = {}
        rest: dict[str, pa.Array] = {}
        for field, column in zip(batch.schema, batch.columns, strict=True):
            plain = faults.text(field.name, _plain(column))
            (found if field.name in ours else rest)[ours.get(field.name, field.name)] = plain
        given = found.pop(self.shape.rest, None)
        for name, column in found.items():
            found[name] = self._instant(column) if name in self.shape.instants else _text(column)
        if given is not None or rest or self.shape.whole:
            found[self.shape.rest] = self._rest(given, rest, batch.num_rows, faults)
        return settle(self.shape, found, self.zone, faults)

    def objects(self, objects: Sequence[Any]) -> Incoming:
        """Rows that were JSON. One that says nothing of a column leaves it empty."""
        faults = Faults(len(objects))
        lists: dict[str, list[str | None]] = {name: [] for name in self._names}
        for row, each in enumerate(objects):
            try:
                values = self._values(each)
            except (ValueError, TypeError, RecursionError) as fault:
                faults.add(row, "nested too deep" if isinstance(fault, RecursionError) else str(fault))
                values = dict.fromkeys(self._names)
            for name, column in lists.items():
                column.append(values[name])
        return settle(
            self.shape, {name: pa.array(each, pa.string()) for name, each in lists.items()}, self.zone, faults
        )

    def _values(self, given: Any) -> dict[str, str | None]:
        if not isinstance(given, dict):
            raise TypeError("not a JSON object")
        left = dict(given)
        values = {
            name: _said(name, left.pop(theirs, None)) for name, theirs in self._names.items() if name != self.shape.rest
        }
        rest = left.pop(self._names[self.shape.rest], None)
        if rest is not None:
            left = {**_object(self.shape.rest, rest), **left}
        values[self.shape.rest] = json_text.text_of(left) if left else None
        for each in values.values():
            if each is not None and not each.isascii():
                _check_whole(each)
        return values

    def _rest(self, given: pa.Array | None, rest: Mapping[str, pa.Array], rows: int, faults: Faults) -> pa.StringArray:
        """The object that a row has beside those columns that have no place of their own."""
        own = json_text.objects(rest, rows)
        if given is None:
            return own
        texts = given if pt.is_string(given.type) else json_text.texts(given)
        merged: list[str | None] = []
        for row, (text, more) in enumerate(zip(texts.to_pylist(), own.to_pylist(), strict=True)):
            try:
                merged.append(self._merged(text, more))
            except (ValueError, TypeError, RecursionError):
                faults.add(row, f"{self.shape.rest} is no JSON object")
                merged.append(None)
        return pa.array(merged, pa.string())

    def _merged(self, text: str | None, more: str | None) -> str | None:
        if not text:
            return more
        whole = {**_object(self.shape.rest, json.loads(text)), **(json.loads(more) if more else {})}
        return json_text.text_of(whole) if whole else None

    def _instant(self, column: pa.Array) -> pa.Array:
        if not pt.is_timestamp(column.type):
            return column
        if column.type.tz is None:
            return localised(column.cast(pa.timestamp("us"), safe=False), self.zone or "UTC")
        return column.cast(INSTANT, safe=False)

    def _missing(self, schema: pa.Schema, source: str) -> list[Diagnostic]:
        return [
            Diagnostic(
                "MR781",
                f"{source} has no column `{self._names[name]}`, which each {self.shape.name} needs",
                help=f"{did_you_mean(self._names[name], schema.names)}; `--column {name}=THEIRS` names another",
            )
            for name in self.shape.required
            if self._names[name] not in schema.names
        ]

    def _unreadable(self, schema: pa.Schema, source: str) -> list[Diagnostic]:
        ours = {theirs: name for name, theirs in self._names.items()}
        faults = []
        for field in schema:
            name, kind = ours.get(field.name), plain_type(field.type)
            if schema.names.count(field.name) > 1:
                faults.append(
                    Diagnostic("MR782", f"{source} has the column `{field.name}` twice", help="rename one of them")
                )
            elif not _fits(kind, name, self.shape):
                faults.append(
                    Diagnostic(
                        "MR782", f"column `{field.name}` of {source} is {field.type}, which is not taken", help=_WANTED
                    )
                )
            elif name in self.shape.instants and pt.is_timestamp(kind) and kind.tz is None and self.zone is None:
                faults.append(
                    Diagnostic(
                        "MR783",
                        f"column `{field.name}` of {source} holds local times without a zone",
                        help="say whose they are: `--timezone Europe/Berlin`",
                    )
                )
        return faults


_WANTED = "names and keys are text or whole numbers, instants are timestamps or ISO 8601 text, the rest is anything that JSON can say"


def _fits(kind: pa.DataType, name: str | None, shape: Shape) -> bool:
    text: bool = pt.is_string(kind) or pt.is_binary(kind) or pt.is_null(kind)
    if name is None:
        return text or json_text.can_be_text(kind)
    if name == shape.rest:
        return text or bool(pt.is_struct(kind))
    return text or bool(pt.is_timestamp(kind) if name in shape.instants else pt.is_integer(kind))


def _plain(column: pa.Array) -> pa.Array:
    kind = plain_type(column.type)
    return column if column.type == kind else column.cast(kind)


def _text(column: pa.Array) -> pa.StringArray:
    return column if pt.is_string(column.type) else column.cast(pa.string())


def _said(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{name} is no text")


def _check_whole(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair, which is no character") from None


def _object(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{name} is no JSON object")
    return value
