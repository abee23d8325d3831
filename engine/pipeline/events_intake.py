"""Events that were posted: many requests are kept together, and each is told what became of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.audience.incoming import Reading
from engine.audience.incoming.json_text import DECODER, reason
from engine.audience.posted import Answer, BadEvent, Posted
from engine.audience.store import Store

MOST_TOLD = 100


class EventIntake:
    """Keeps what requests hold."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._reading = reading

    def take(self, posted: Sequence[Posted]) -> Sequence[Answer]:
        """What each request is told; see the contract."""
        answers: dict[int, Answer] = {}
        objects: dict[int, list[Any]] = {}
        for number, body in enumerate(posted):
            try:
                objects[number] = _objects(body)
            except (ValueError, RecursionError) as fault:
                answers[number] = Answer(0, [BadEvent(None, reason(fault))])
        good = self._reading.objects([each for rows in objects.values() for each in rows])
        if good.refused:
            bad = {number: self._bad(rows) for number, rows in objects.items()}
            answers |= {number: Answer(0, found) for number, found in bad.items() if found}
            objects = {number: rows for number, rows in objects.items() if not bad[number]}
            good = self._reading.objects([each for rows in objects.values() for each in rows])
        if good.rows.num_rows:
            self._store.put_events(good.rows)
        answers |= {number: Answer(len(rows)) for number, rows in objects.items()}
        return [answers[number] for number in range(len(posted))]

    def _bad(self, rows: Sequence[Any]) -> list[BadEvent]:
        return [BadEvent(each.row, each.reason) for each in self._reading.objects(rows).refused[:MOST_TOLD]]


def _objects(body: Posted) -> list[Any]:
    """Raises ValueError, RecursionError."""
    text = body.content.decode()
    if body.lines:
        return [DECODER.decode(each) for each in text.split("\n") if each and not each.isspace()]
    found = DECODER.decode(text)
    return found if isinstance(found, list) else [found]
