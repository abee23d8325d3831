"""A workflow as a program: a batch of executions goes as far as it can, for a plan as for the automation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.campaign.schema import Campaign
from engine.workflow.cohort import Mask
from engine.workflow.effects import Emitted
from engine.workflow.executions import EXECUTIONS, EffectKind, State
from engine.workflow.frame import Frame
from engine.workflow.json_columns import objects, read_objects
from engine.workflow.news import Answers, Arrivals
from engine.workflow.passing import Passing, Taken
from engine.workflow.plot import Plot
from engine.workflow.scope import Assign, StepKind
from engine.workflow.standing import Standing


@dataclass(frozen=True, slots=True)
class Advanced:
    """What became of a batch: EXECUTIONS as they stand now, HISTORY and EFFECTS of this advance. Nothing is done yet."""

    executions: pa.RecordBatch
    history: pa.RecordBatch
    effects: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Passage:
    """What a plan asks of the steps: the messages to send, in the order in which each row is sent them, with what steps had written
    by then; the columns at the end; and for each step how many rows went to each of its targets."""

    batch: pa.RecordBatch
    sends: tuple[Emitted, ...]
    taken: Taken


class WorkflowProgram:
    """A campaign's workflow, compiled for an audience's columns.

    ``now`` is the clock of a plan, the same for everybody; None when each execution has its own time. ``fields`` are the columns that
    go with a message. Raises CampaignError for what is wrong with its expressions or steps.
    """

    def __init__(
        self,
        campaign: Campaign,
        audience: pa.Schema,
        assign: Assign,
        now: datetime | None = None,
        fields: Sequence[str] = (),
        installed: Mapping[str, StepKind] | None = None,
    ) -> None:
        self._plot = Plot(campaign, audience, now, assign, fields, installed or {})
        self._audience = audience
        self._now = now

    def advance(
        self,
        executions: pa.RecordBatch,
        people: pa.RecordBatch,
        clock: int,
        arrivals: pa.RecordBatch | None = None,
        replies: pa.RecordBatch | None = None,
        stopwatch: Callable[[], float] = lambda: 0.0,
    ) -> Advanced:
        """Let executions (EXECUTIONS, of this definition) go on until each waits for what is later than ``clock``, or has ended.

        ``people`` has the audience's columns, a row for each execution; ``arrivals`` (ARRIVALS) and ``replies`` (REPLIES) are what has
        happened. UTC microseconds. Pure, but for ``stopwatch`` (seconds), which is told in HISTORY's ``work_us``.
        """
        plot = self._plot
        standing = Standing(executions, plot.names)
        columns = {name: people.column(name) for name in self._audience.names}
        for name, kind in plot.attributes.items():
            if name not in columns:
                known = people.schema.get_field_index(name) >= 0
                columns[name] = people.column(name) if known else pa.nulls(len(standing), kind)
        texts = executions.column("context")
        columns |= read_objects(texts, plot.context_fields)
        frame = Frame(executions.column("user_id"), columns, plot.segments)
        alive = np.flatnonzero(standing.alive)
        news = (
            Arrivals(arrivals, standing, alive, clock) if arrivals is not None and arrivals.num_rows else None,
            Answers(replies, standing, clock) if replies is not None and replies.num_rows else None,
        )
        passing = Passing(plot, standing, frame, news, clock, stopwatch)
        passing.go()
        if passing.wrote.any():
            written = objects(frame.snapshot(plot.context_fields), len(standing))
            texts = pc.if_else(pa.array(passing.wrote), written, texts)
        return Advanced(standing.batch(texts), passing.history.batch(), passing.effects.batch(standing))

    def run(self, batch: pa.RecordBatch, users: pa.StringArray, entering: Mask) -> Passage:
        """Send the rows in ``entering`` through a workflow in which nobody waits. ``batch`` has the audience's columns and segments."""
        plot = self._plot
        assert self._now is not None
        now = round(self._now.astimezone(UTC).timestamp() * 1_000_000)
        standing = Standing(_entered(users, entering, plot.names[0], now), plot.names)
        columns = {name: batch.column(name) for name in batch.schema.names}
        blank = {**plot.context_fields, **plot.attributes}
        columns |= {name: _unknown(len(users), kind) for name, kind in blank.items() if name not in columns}
        frame = Frame(users, columns, plot.segments)
        passing = Passing(plot, standing, frame, (None, None), now, lambda: 0.0, keep_history=False)
        passing.go()
        for name in blank:
            index = batch.schema.get_field_index(name)
            column = frame.column(name)
            batch = batch.append_column(name, column) if index < 0 else batch.set_column(index, name, column)
        sends = tuple(each for each in passing.effects.emitted if each.effect.kind is EffectKind.SEND)
        return Passage(batch, sends, passing.taken)


def _unknown(rows: int, kind: pa.DataType) -> pa.Array:
    """Nulls; of an event that nobody has told, each property is one, as of an event that tells none."""
    if not pa.types.is_struct(kind):
        return pa.nulls(rows, kind)
    return pa.StructArray.from_arrays([pa.nulls(rows, each.type) for each in kind], fields=list(kind))


def _entered(users: pa.StringArray, entering: Mask, step: str, now: int) -> pa.RecordBatch:
    """Executions that are at the first step, and ended ones for the rows that do not enter."""
    rows = len(users)
    at = pa.repeat(pa.scalar(now, pa.int64()), rows).view(pa.timestamp("us", "UTC"))
    states = pa.array([State.DONE, State.READY], pa.string()).take(pa.array(entering.astype(np.int8)))
    same = {"workflow": "", "version": "", "trigger": "", "step": step}
    columns = {
        **{name: pa.repeat(value, rows) for name, value in same.items()},
        **{name: pa.repeat(pa.scalar(0, pa.int32()), rows) for name in ("occurrence", "retry_count", "moves")},
        **{name: pa.repeat(pa.scalar(0, pa.int64()), rows) for name in ("claim", "seen")},
        **{"entered_at": at, "arrived_at": at, "due": at},
        **{"execution_id": users, "user_id": users, "state": states},
    }
    arrays = [columns.get(field.name, pa.nulls(rows, field.type)) for field in EXECUTIONS]
    return pa.RecordBatch.from_arrays(arrays, schema=EXECUTIONS)
