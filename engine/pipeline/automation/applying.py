"""Effects that a worker applies: what steps have written about people goes into the store, and calls are made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from engine.audience.store import USERS, Store, Write
from engine.errors import Diagnostic, InputError
from engine.pipeline.automation.calling import Caller
from engine.pipeline.automation.contract import Applied, Apply, People
from engine.pipeline.automation.memberships import entered, outlived, sequence_of
from engine.workflow.executions import EffectKind, ExecutionStore

_RUN = "automation"
_CHANGES = pa.schema([USERS.field("user_id"), USERS.field("attributes")])
_REFUSED = "MR676"
Put = Callable[[pa.RecordBatch, Write], int]


@dataclass(slots=True)
class _Done:
    """What is done for good, and whose columns have changed by it."""

    names: list[str] = field(default_factory=list)
    users: set[str] = field(default_factory=set)
    faults: list[Diagnostic] = field(default_factory=list)


class Applier:
    """Does tasks ``Apply``, for any thread.

    **Sequence.** What is written bears the second in which it was decided as its sequence, rounded up, so a batch is one write a
    second: mostly one. The sequence depends on the effect alone and not on what stands beside it in a batch, for one that is too high
    would let the store leave out what the same execution decides next. Of two writes of one second to one cell, the later applied holds.

    **Repeats.** A crash after a write and before its effects are settled brings them again when their lease ends, perhaps beside others.
    The same effects have the same name as a write, which the store knows; others together lay the same values at the same sequences over
    what is there, and nothing over what was written in a later second. An execution that has decided an update is not free until it is
    settled, so it cannot have written over it itself.

    **People.** They are told of as changed before the effects are settled: as soon as these are, an execution may go on, and reads what
    it has written.

    An effect that the store does not keep (a text that is too long) is told (MR863) and settled: it would be refused for ever.
    """

    def __init__(self, executions: ExecutionStore, store: Store, people: People, caller: Caller) -> None:
        self._executions = executions
        self._store = store
        self._people = people
        self._caller = caller

    def apply(self, task: Apply) -> Applied:
        """Raises what a store raises; whatever is not settled by then comes again."""
        done = _Done()
        for kind, apply in ((EffectKind.UPDATE, self._update), (EffectKind.MEMBERSHIP, self._enter_segments)):
            effects = task.effects.filter(pc.equal(task.effects.column("kind"), kind))
            if effects.num_rows:
                apply(effects.sort_by([("at", "ascending"), ("name", "ascending")]), done)
        if done.names:
            self._people.changed(sorted(done.users))
        settled = self._executions.settle(done.names) if done.names else 0
        calls = task.effects.filter(pc.equal(task.effects.column("kind"), EffectKind.CALL))
        if calls.num_rows:
            called = self._caller.call(calls)
            settled += called.settled
            done.faults += called.faults
        return Applied(task.number, settled, sorted(done.users), tuple(done.faults))

    def _update(self, effects: pa.RecordBatch, done: _Done) -> None:
        columns = [effects.column("user_id"), effects.column("payload")]
        changes = pa.RecordBatch.from_arrays(columns, schema=_CHANGES)
        for sequence, rows in _by_second(effects):
            self._put(self._store.update_attributes, changes[rows], effects[rows], sequence, done)

    def _enter_segments(self, effects: pa.RecordBatch, done: _Done) -> None:
        """Each person enters a segment, or none, and leaves the others of its type: the one entered last stays.

        It is written first and read then. So of two workers who do this for one person at the same time, at least one sees both.
        """
        read = entered(effects)
        for sequence, rows in _by_second(read.effects):
            self._put(self._store.put_memberships, read.rows[rows], read.effects[rows], sequence, done)
        held = self._store.memberships(pc.unique(effects.column("user_id")))
        for sequence, names, leaving in outlived(held, read.emptied):
            if names:
                self._store.put_memberships(leaving, Write(_RUN, "leave", _digest(names), sequence))
                done.users.update(leaving.column("user_id").to_pylist())
        done.names += read.named

    def _put(self, put: Put, rows: pa.RecordBatch, effects: pa.RecordBatch, sequence: int, done: _Done) -> None:
        """Write rows, one an effect, under their effects' names. Those that the store refuses are found by halves."""
        names = effects.column("name").to_pylist()
        try:
            put(rows, Write(_RUN, effects.column("kind")[0].as_py(), _digest(names), sequence))
            done.users.update(effects.column("user_id").to_pylist())
        except InputError as fault:
            if fault.diagnostics[0].code != _REFUSED:
                raise
            half = len(names) // 2
            if half:
                for start, stop in ((0, half), (half, len(names))):
                    part = slice(start, stop)
                    self._put(put, rows[part], effects[part], sequence, done)
                return
            done.faults.append(_refused(names[0], fault))
        done.names += names


def _by_second(effects: pa.RecordBatch) -> Iterator[tuple[int, slice]]:
    """Effects in order of their instants, cut by the second in which they were decided: its sequence, and which they are."""
    start = 0
    for sequence, group in groupby(map(sequence_of, effects.column("at").view(pa.int64()).to_pylist())):
        stop = start + len([*group])
        yield sequence, slice(start, stop)
        start = stop


def _digest(names: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(names).encode(), digest_size=16).hexdigest()


def _refused(name: str, fault: InputError) -> Diagnostic:
    return Diagnostic("MR863", f"the store does not keep what the effect {name} writes: {fault.diagnostics[0].message}")
