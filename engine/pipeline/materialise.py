"""Outbox rows into messages: render, then MIME, some thousand rows at a time; bodies exist some hundred at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import TemplateRuntimeError, UndefinedError

from engine.delivery.dkim import Signer
from engine.delivery.identity import TokenUse, unsubscribe_tokens
from engine.delivery.identity import tokens as tokens_of
from engine.delivery.mime import Envelope, MessageProgram
from engine.delivery.supply import Block
from engine.monitoring import Stages
from engine.pipeline.definition import FIELD, clock_of
from engine.pipeline.tracking import CLICK_URL, OPEN_URL
from engine.templates import PartsProgram

UNSUBSCRIBE_URL = "unsubscribe_url"  # what templates know of the envelope
RENDERED = 8_192  # rows at a time: a kernel's call costs the same for one row as for a thousand
IN_RETURN_PATH = "{token}"
BODIES = 256  # messages at a time: some megabytes


@dataclass(frozen=True, slots=True)
class Mailing:
    """All that is the same for a run's messages. ``programs`` are by template; ``date`` is the run's clock, for partitions without one
    of their own; without a ``signer`` messages go out unsigned. ``tracking`` is where `mailray serve` is reached; ``{token}`` in the
    ``return_path`` stands for the message's own."""

    programs: Mapping[str, PartsProgram]
    mime: MessageProgram
    secret: bytes
    date: datetime
    unsubscribe: str | None
    signer: Signer | None = None
    tracking: str | None = None
    return_path: str | None = None


class Materialiser:
    """Messages of one outbox partition. Stateless but for the time that it notes."""

    def __init__(self, mailing: Mailing, outbox: pa.RecordBatch, stages: Stages) -> None:
        self._mailing = mailing
        self._outbox = outbox
        self._stages = stages
        clock = clock_of(outbox.schema)
        self._date = mailing.date if clock is None else datetime.fromtimestamp(clock / 1_000_000, UTC)

    def blocks(self, rows: Sequence[int]) -> Iterator[Block]:
        """The messages of ``rows`` of the partition, grouped by template; a row that cannot be one is a fault."""
        for start in range(0, len(rows), RENDERED):
            index = np.asarray(rows[start : start + RENDERED], dtype=np.int64)
            taken = self._outbox.take(pa.array(index))
            templates = taken.column("template")
            for template in pc.unique(templates).to_pylist():
                here = np.flatnonzero(pc.equal(templates, template).to_numpy(zero_copy_only=False))
                yield from self._of_template(template, index[here], taken.take(pa.array(here)))
            pa.default_memory_pool().release_unused()  # what Arrow's allocator keeps would add up to a third of a worker

    def _of_template(self, template: str, rows: np.ndarray, batch: pa.RecordBatch) -> Iterator[Block]:
        mailing = self._mailing
        tokens = _tokens(mailing, batch)
        with self._stages.timed("render", len(rows)):
            rendered = mailing.programs[template].render(_variables(mailing, batch, tokens))
        envelope = Envelope(
            rows,
            batch.column("key"),
            batch.column("address"),
            self._date,
            return_paths=_return_paths(mailing, batch),
            tokens=tokens,
        )
        with self._stages.timed("mime", len(rows)):
            wire = mailing.mime.materialise(rendered, envelope)
        faults = {int(rows[each]): reason for each, reason in wire.errors.items()}
        faults |= {int(rows[each]): f"{template}: {_reason(fault)}" for each, fault in rendered.errors.items()}
        for start in range(0, len(wire), BODIES):
            with self._stages.timed("mime"):
                messages = wire.messages(start, min(start + BODIES, len(wire)))
            if mailing.signer is not None:
                with self._stages.timed("dkim", len(messages)):
                    messages = mailing.signer.sign(messages)
            yield Block(messages, faults if start == 0 else {})


def template_variables(mailing: Mailing, outbox: pa.RecordBatch) -> pa.RecordBatch:
    """What templates read of an outbox's rows."""
    return _variables(mailing, outbox, _tokens(mailing, outbox))


def _tokens(mailing: Mailing, outbox: pa.RecordBatch) -> pa.StringArray | None:
    return unsubscribe_tokens(mailing.secret, outbox.column("key")) if mailing.unsubscribe else None


def _return_paths(mailing: Mailing, outbox: pa.RecordBatch) -> pa.StringArray | None:
    before, token, after = (mailing.return_path or "").partition(IN_RETURN_PATH)
    if not token:
        return None
    return pc.binary_join_element_wise(
        before, tokens_of(mailing.secret, outbox.column("key"), TokenUse.RETURN_PATH), after, ""
    )


def _variables(mailing: Mailing, outbox: pa.RecordBatch, tokens: pa.StringArray | None) -> pa.RecordBatch:
    columns = {name.removeprefix(FIELD): outbox.column(name) for name in outbox.schema.names if name.startswith(FIELD)}
    if tokens is not None:
        columns[UNSUBSCRIBE_URL] = pc.binary_join_element_wise(mailing.unsubscribe, tokens, "")
    if mailing.tracking is not None:
        names = tokens_of(mailing.secret, outbox.column("key"), TokenUse.TRACKING)
        columns[CLICK_URL] = pc.binary_join_element_wise(f"{mailing.tracking}c/", names, "/", "")
        columns[OPEN_URL] = pc.binary_join_element_wise(f"{mailing.tracking}o/", names, ".gif", "")
    if not columns:
        columns["row"] = outbox.column("row")  # a batch needs a column to have rows
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _reason(fault: Exception) -> str:
    """What went wrong, without the values that it went wrong with; the faults named here do not quote any."""
    name = type(fault).__name__
    return f"{name}: {fault}" if isinstance(fault, (UndefinedError, TypeError, TemplateRuntimeError)) else name
