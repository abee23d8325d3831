"""People are looked at, some at a time, for what is no event: a moment, their anniversaries, a segment that they are in or no longer."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.audience.store import INSTANT, MEMBERSHIPS, Store, Write
from engine.pipeline.automation.contract import Mask, Sweep, Sweeping, Swept
from engine.pipeline.automation.programs import Programs
from engine.workflow.cohort import Instants
from engine.workflow.definition import again_after
from engine.workflow.executions import ExecutionStore
from engine.workflow.people import columns_of
from engine.workflow.triggers import segment_of

REMEMBERED = "trigger:"
"""Before a workflow's name: the type of the memberships that tell who is in its trigger's segment, and who is not and has been."""
_OUT = "not "  # before the segment's name, which has no space


class Sweeper:
    """Lets people enter live workflows, for any thread. What is done again begins nothing twice: causes are the moment, the day, or since
    when a person had not been in the segment, or had been.

    Of a segment, who is in it is noted after whoever has come has entered. ``Sweep.after`` 0 is the first look, which only notes: nobody
    comes to be in a segment because nobody had looked.
    """

    def __init__(self, programs: Programs, store: Store, executions: ExecutionStore) -> None:
        self._programs = programs
        self._store = store
        self._executions = executions

    def sweep(self, task: Sweep) -> Swept:
        """Raises what the stores raise, and CampaignError when the trigger cannot be compiled."""
        if task.user_ids is None:
            people = self._store.page(task.behind, task.most)
        else:
            people = self._store.users(pa.array(task.user_ids, pa.string()))
        users = people.column("user_id")
        rows = columns_of(people, self._programs.live(task.workflow).plan.audience)
        if task.why is Sweeping.SEGMENT:
            entered = self._follow_segment(task, users, rows)
        else:
            with self._programs.trigger(task.workflow).used() as trigger:
                if task.why is Sweeping.MOMENT:
                    entries = trigger.of_moment(rows, task.until)
                else:
                    entries = trigger.of_anniversaries(rows, task.after, task.until)
            entered = self._enter(task, entries)
        more = task.user_ids is None and people.num_rows == task.most
        return Swept(task.number, entered, users[-1].as_py() if more else None)

    def _follow_segment(self, task: Sweep, users: pa.StringArray, rows: pa.RecordBatch) -> int:
        segment = segment_of(self._programs.live(task.workflow).plan.campaign) or ""
        before, out, since = self._noted(task.workflow, segment, users)
        with self._programs.trigger(task.workflow).used() as trigger:
            after = trigger.in_segment(rows, task.until)
            entries = trigger.of_segment(before, after, rows, task.until, since)
        entered = self._enter(task, entries) if task.after else 0
        changed = before != after
        inside = _memberships(task, segment, users, changed, after)
        outside = _memberships(task, _OUT + segment, users, changed & (before | out), ~after)
        if inside.num_rows:
            self._note(task, pa.Table.from_batches([inside, outside]).combine_chunks().to_batches()[0])
        return entered

    def _enter(self, task: Sweep, entries: pa.RecordBatch) -> int:
        if not entries.num_rows:
            return 0
        campaign = self._programs.live(task.workflow).plan.campaign
        begun = self._executions.enter(entries, again_after(campaign), campaign.not_while, campaign.only_after)
        return int(begun.num_rows)

    def _noted(self, workflow: str, segment: str, users: pa.StringArray) -> tuple[Mask, Mask, Instants]:
        """Who is noted as in the segment, and who as out of it; and since when (0: nobody has noted them)."""
        found = self._store.memberships(users)
        found = found.filter(pc.equal(found.column("segment_type"), REMEMBERED + workflow))
        since = np.zeros(len(users), dtype=np.int64)
        noted = []
        for value in (segment, _OUT + segment):
            mine = found.filter(pc.equal(found.column("segment_value"), value))
            places = pc.index_in(users, value_set=mine.column("user_id"))
            there = np.asarray(places.is_valid())
            when = mine.column("created_at").take(places).cast(pa.int64()).fill_null(0)
            since = np.maximum(since, np.asarray(when, dtype=np.int64))
            noted.append(there)
        return noted[0], noted[1], since

    def _note(self, task: Sweep, memberships: pa.RecordBatch) -> None:
        """The write is named by what it says: the same again changes nothing, and something else is not left out."""
        said = str([memberships.column(name).to_pylist() for name in ("user_id", "segment_value", "active")])
        name = hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
        write = Write(REMEMBERED + task.workflow, task.why, f"{task.until} {name}", task.until)
        self._store.put_memberships(memberships, write)


def _memberships(task: Sweep, value: str, users: pa.StringArray, chosen: Mask, active: Mask) -> pa.RecordBatch:
    who = users.filter(pa.array(chosen))
    rows = len(who)
    columns = {
        "user_id": who,
        "segment_type": pa.repeat(REMEMBERED + task.workflow, rows),
        "segment_value": pa.repeat(value, rows),
        "active": pa.array(active[chosen]),
        "created_at": pa.repeat(pa.scalar(task.until, pa.int64()), rows).view(INSTANT),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=MEMBERSHIPS)
