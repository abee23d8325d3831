"""Events that were posted: many requests are kept together, and each is told what became of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from engine.audience.incoming import Reading
from engine.audience.incoming.json_text import DECODER, reason
from engine.audience.posted import Answer, BadEvent, Posted
from engine.audience.store import Store
from engine.errors import InputError

MOST_TOLD = 100
NOT_KEPT = "MR676"  # what a store says of rows that it does not keep


def objects_of(body: Posted) -> list[Any]:
    """The events of a request. Raises ValueError, RecursionError."""
    text = body.content.decode()
    if body.lines:
        return [DECODER.decode(each) for each in text.split("\n") if each and not each.isspace()]
    found = DECODER.decode(text)
    return found if isinstance(found, list) else [found]


class EventIntake:
    """Keeps what requests hold; ``events_in`` gives it as the objects that ``reading`` reads, and raises ValueError, RecursionError."""

    def __init__(self, store: Store, reading: Reading, events_in: Callable[[Posted], list[Any]] = objects_of) -> None:
        self._store = store
        self._reading = reading
        self._events_in = events_in

    def take(self, posted: Sequence[Posted]) -> Sequence[Answer]:
        """What each request is told; see the contract."""
        answers: dict[int, Answer] = {}
        objects: dict[int, list[Any]] = {}
        for number, body in enumerate(posted):
            try:
                objects[number] = self._events_in(body)
            except (ValueError, RecursionError) as fault:
                answers[number] = Answer(0, [BadEvent(None, reason(fault))])
        good = self._reading.objects(_all(objects))
        if good.refused:
            bad = {number: self._bad(rows) for number, rows in objects.items()}
            answers |= {number: Answer(0, found) for number, found in bad.items() if found}
            objects = {number: rows for number, rows in objects.items() if not bad[number]}
            good = self._reading.objects(_all(objects))
        answers |= self._kept(objects, good.rows)
        return [answers[number] for number in range(len(posted))]

    def _kept(self, objects: Mapping[int, list[Any]], rows: pa.RecordBatch) -> dict[int, Answer]:
        """Keep the events of all requests at once or, when the store does not take them so, of each alone: nobody's events keep
        others' from being kept."""
        try:
            if rows.num_rows:
                self._store.put_events(rows)
        except InputError as fault:
            if fault.diagnostics[0].code != NOT_KEPT:
                raise
            if len(objects) == 1:
                return {number: Answer(0, [BadEvent(None, fault.diagnostics[0].message)]) for number in objects}
            alone = [({number: each}, self._reading.objects(each).rows) for number, each in objects.items()]
            return {number: told for one, its in alone for number, told in self._kept(one, its).items()}
        return {number: Answer(len(each)) for number, each in objects.items()}

    def _bad(self, rows: Sequence[Any]) -> list[BadEvent]:
        return [BadEvent(each.row, each.reason) for each in self._reading.objects(rows).refused[:MOST_TOLD]]


def _all(objects: Mapping[int, list[Any]]) -> list[Any]:
    return [each for rows in objects.values() for each in rows]
