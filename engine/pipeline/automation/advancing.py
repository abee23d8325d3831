"""What has happened to people lets them enter a workflow, and moves on those who are in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.campaign.schema import Campaign
from engine.errors import CampaignError, MailrayError
from engine.monitoring import Stages
from engine.pipeline.automation.contract import API_EVENT, LEASE, Advance, Advanced, Mask, People
from engine.pipeline.automation.moving import Moved, Mover
from engine.pipeline.automation.programs import Programs
from engine.workflow.definition import again_after
from engine.workflow.executions import EXECUTIONS, Claimed, ExecutionStore
from engine.workflow.news import ARRIVALS

ROUNDS = 8
"""How often somebody may enter a workflow in one task, come to its end and enter again; who does so more often comes again."""


@dataclass(frozen=True, slots=True)
class _Task:
    """ARRIVALS of one workflow, and what comes of them."""

    workflow: str
    now: int
    arrivals: pa.RecordBatch
    stages: Stages
    moved: Moved = field(default_factory=Moved)
    busy: set[str] = field(default_factory=set)


class Advancer:
    """Does tasks ``Advance``, for any thread. ``wall`` gives UTC microseconds, ``monotonic`` seconds.

    Whatever is interrupted may be done again: who has entered enters no second time by the same cause, an execution that has met an
    event does not meet it again, and what was decided and not saved is decided anew.
    """

    def __init__(
        self,
        programs: Programs,
        executions: ExecutionStore,
        people: People,
        mover: Mover,
        wall: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._programs = programs
        self._executions = executions
        self._people = people
        self._mover = mover
        self._wall = wall
        self._monotonic = monotonic

    def advance(self, task: Advance) -> Advanced:
        """Raises what a store raises. What is wrong with the workflow itself is in ``faults``: those whom it concerns stand still, and
        their tickets are held."""
        now, stages = self._wall(), Stages(self._monotonic)
        work = _Task(task.workflow, now, arrivals_of(task.items, now), stages)
        entered = strangers = 0
        if not task.items.num_rows:
            self._mover.move(task.workflow, task.executions, now, work.moved, stages)
        else:
            try:
                entries, strangers = self._entries(work)
            except CampaignError as fault:
                work.moved.faults += fault.diagnostics
                work.busy.update(task.items.column("user_id").to_pylist())
            else:
                entered = self._meet(work, entries, task.executions)
        self._mover.measure(work.moved, stages)
        return _told(task, work, entered, strangers)

    def _meet(self, work: _Task, entries: pa.RecordBatch, due: pa.RecordBatch) -> int:
        """Let people enter, and those who are in the workflow meet what has happened; gives how many have entered.

        Who could not enter because they were in it may do so if what has happened since had brought that to its end before: they are
        looked at again, some times here and then as if they had been busy. So it does not matter whether an exit and the next entry come
        in one task or in two.
        """
        begun = self._enter(work, entries)
        users = pc.unique(work.arrivals.column("user_id"))
        users = users.filter(pc.invert(pc.is_in(users, value_set=begun.column("user_id"))))
        claimed = Claimed(begun)
        with self._kept_or_released(claimed):
            if len(users):
                with work.stages.timed("claim", len(users)):
                    found = self._executions.concerned(work.workflow, users.to_pylist(), work.now, work.now + LEASE)
                claimed = Claimed(_joined([found.executions, begun]), found.busy)
        self._move(work, claimed, due)
        work.busy.update(set(claimed.busy).difference(due.column("user_id").to_pylist()))
        entered, again = begun.num_rows, _free_again(entries, begun, work.moved.ended)
        for _ in range(ROUNDS):
            begun = self._enter(work, again)
            if not begun.num_rows:  # whoever is left is kept out by another rule
                return int(entered)
            self._move(work, Claimed(begun), due.slice(0, 0))
            entered, again = entered + begun.num_rows, _free_again(again, begun, work.moved.ended)
        work.busy.update(again.column("user_id").to_pylist())
        return int(entered)

    def _enter(self, work: _Task, entries: pa.RecordBatch) -> pa.RecordBatch:
        """Begin what may begin, and keep it."""
        campaign = self._programs.live(work.workflow).plan.campaign
        rules = (again_after(campaign), campaign.not_while, campaign.only_after)
        if not entries.num_rows:
            return pa.RecordBatch.from_pylist([], schema=EXECUTIONS)
        with work.stages.timed("enter", entries.num_rows):
            return self._executions.enter(entries, *rules, work.now + LEASE)

    def _move(self, work: _Task, claimed: Claimed, due: pa.RecordBatch) -> None:
        with self._kept_or_released(claimed):
            executions = _together(claimed.executions, due)
            self._mover.move(work.workflow, executions, work.now, work.moved, work.stages, arrivals=work.arrivals)

    @contextmanager
    def _kept_or_released(self, claimed: Claimed) -> Iterator[None]:
        """When a store fails, what was claimed is given back; if that fails too, it is free when its lease ends."""
        try:
            yield
        except MailrayError:
            with suppress(MailrayError):
                self._executions.release(claimed.executions)
            raise

    def _entries(self, work: _Task) -> tuple[pa.RecordBatch, int]:
        """ENTRIES of those who are known, and how many arrivals are of people whom nobody knows. Raises CampaignError (MR861, MR862)."""
        arrivals, campaign = work.arrivals, self._programs.live(work.workflow).plan.campaign
        trigger = self._programs.trigger(work.workflow)
        users = pc.unique(arrivals.column("user_id"))
        with work.stages.timed("people", len(users)):
            people, known = self._people.rows(work.workflow, users)
        place = np.asarray(pc.index_in(arrivals.column("user_id"), value_set=users), dtype=np.int64)
        called, happened = (_rows(known[place] & mask) for mask in _causes(arrivals, campaign))
        with trigger.used() as program, work.stages.timed("advance"):
            try:
                by_call = program.of_calls(arrivals.take(called), people.take(pa.array(place).take(called)))
                by_event = program.of_events(arrivals.take(happened), people.take(pa.array(place).take(happened)))
            except MailrayError as fault:  # of evaluating conditions
                raise CampaignError.single(
                    "MR862", f"the trigger of `{work.workflow}` fails: {fault.diagnostics[0].message}"
                ) from fault
        return _joined([by_call, by_event]), int((~known[place]).sum())


def arrivals_of(items: pa.RecordBatch, now: int) -> pa.RecordBatch:
    """ARRIVALS of items (TAKEN), in the order of their positions. What no intake has put is left out.

    What a sender's clock has put into the future happens now, a microsecond apart: who enters and leaves meets both.
    """
    columns = (items.column(name).to_pylist() for name in ("item_id", "user_id", "payload"))
    found = (_arrival(item, user, payload) for item, user, payload in zip(*columns, strict=True))
    rows = sorted((row for row in found if row is not None), key=itemgetter("position"))
    ahead = [row for row in rows if row["at"] > now]
    for place, row in enumerate(reversed(ahead)):
        row["at"] = now - place
    arrays = [pa.array([row[each.name] for row in rows], each.type) for each in ARRIVALS]
    return pa.RecordBatch.from_arrays(arrays, schema=ARRIVALS)


def _arrival(item: str, user: str, payload: str | None) -> dict[str, Any] | None:
    try:
        told = json.loads(payload or "")
        name, event, properties = told.get("event_id", item), told.get("event"), told.get("properties")
        f"{name}{event}".encode()  # no half of a surrogate pair
        position, at = int(np.int64(told["position"])), int(np.int64(told["at"]))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    text = None if properties is None else json.dumps(properties)
    row = {"position": position, "event_id": str(name), "user_id": user, "at": at, "properties": text}
    return {**row, "event": None if event is None else str(event)}


def _causes(arrivals: pa.RecordBatch, campaign: Campaign) -> tuple[Mask, Mask]:
    """Which arrivals are calls to the API that may let somebody enter, and which are the trigger's event."""
    trigger, events = campaign.trigger, arrivals.column("event")
    names = (
        API_EVENT + campaign.name if trigger is None or trigger.api else None,
        None if trigger is None else trigger.event,
    )
    found = [
        np.zeros(len(events), np.bool_)
        if name is None
        else np.asarray(pc.fill_null(pc.equal(events, name), False), dtype=np.bool_)
        for name in names
    ]
    return found[0], found[1]


def _told(task: Advance, work: _Task, entered: int, strangers: int) -> Advanced:
    """What becomes of the tickets: those of people who were busy, or of whom an execution has not gone on, come again."""
    waiting = pa.array(sorted(work.moved.left | work.busy), pa.string())
    held = pc.is_in(task.items.column("user_id"), value_set=waiting)
    tickets = task.items.column("ticket")
    return Advanced(
        number=task.number,
        done=tickets.filter(pc.invert(held)).to_pylist(),
        held=tickets.filter(held).to_pylist(),
        entered=entered,
        executions=work.moved.executions,
        effects=work.moved.effects,
        strangers=strangers,
        stages=work.stages.as_dict(),
        faults=tuple(work.moved.faults),
    )


def _together(claimed: pa.RecordBatch, due: pa.RecordBatch) -> pa.RecordBatch:
    """What was claimed just now, and what the task has brought and is not among it (its lease had ended)."""
    again = pc.is_in(due.column("execution_id"), value_set=claimed.column("execution_id"))
    return _joined([claimed, due.filter(pc.invert(again))])


def _free_again(entries: pa.RecordBatch, begun: pa.RecordBatch, ended: Mapping[str, int]) -> pa.RecordBatch:
    """The entries that have begun nothing, and came when what their people were in had ended."""
    if begun.num_rows == entries.num_rows or not ended:
        return entries.slice(0, 0)
    known = set(begun.column("execution_id").to_pylist())
    columns = entries.column("execution_id"), entries.column("user_id"), entries.column("at").view(pa.int64())
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return entries.filter(pa.array([name not in known and ended.get(user, at + 1) <= at for name, user, at in rows]))


def _rows(mask: Mask) -> pa.Int64Array:
    return pa.array(np.flatnonzero(mask), pa.int64())


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return (
        pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
        if any(each.num_rows for each in batches)
        else batches[0]
    )
