"""Executions: one person's passage through one workflow each, as columns, and the contract of whatever database keeps them.

What a batch has decided is saved before anything of it is done: executions, history and the effects still to be applied, all in one
transaction. Whoever crashes after that applies the effects again under the same names; whoever crashes before decides again, and
as nothing has happened yet, decides the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import pyarrow as pa

INSTANT = pa.timestamp("us", "UTC")


class State(StrEnum):
    """Where an execution stands; the last four are ends, and only FAILED can be left again, by ``retry``."""

    READY = "ready"  # its step is to be worked on at ``due``
    WAITING = "waiting"  # for ``due``, and perhaps for what ``awaits`` names before that
    DONE = "done"
    FAILED = "failed"  # a critical step failed
    EXITED = "exited"  # an exit rule held
    CANCELLED = "cancelled"


ALIVE = (State.READY, State.WAITING)


class Outcome(StrEnum):
    """What a row of history tells."""

    ENTERED = "entered"
    DONE = "done"
    TIMED_OUT = "timed_out"
    RETRYING = "retrying"  # a step failed and is tried again
    FAILED = "failed"  # a step failed for good
    GOAL = "goal"
    EXITED = "exited"
    CANCELLED = "cancelled"
    RETRIED = "retried"  # by hand, after the execution had failed
    MIGRATED = "migrated"


class EffectKind(StrEnum):
    SEND = "send"  # payload: template, and the fields that it reads
    UPDATE = "update"  # payload: attributes to lay over the person's; null takes one away
    MEMBERSHIP = "membership"  # payload: segment_type, segment_value; the person leaves the type's other values
    CALL = "call"  # payload: the webhook's request


EXECUTIONS = pa.schema(
    [
        pa.field("execution_id", pa.string(), nullable=False),
        pa.field("workflow", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),  # of the definition that it was begun on
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("trigger", pa.string(), nullable=False),  # what began it, such as `event:cart_abandoned`
        pa.field("state", pa.string(), nullable=False),
        pa.field("step", pa.string(), nullable=False),  # where it stands; of an ended one, where it ended
        pa.field("occurrence", pa.int32(), nullable=False),  # how often it has gone back to an earlier step
        pa.field("retry_count", pa.int32(), nullable=False),  # failed tries of this step
        pa.field("moves", pa.int32(), nullable=False),  # how many rows of history it has
        pa.field("claim", pa.int64(), nullable=False),  # rises with each claim; a save under an older one is left out
        pa.field("seen", pa.int64(), nullable=False),  # the position of the last event that it has met, 0 before
        pa.field("entered_at", INSTANT, nullable=False),
        pa.field("arrived_at", INSTANT, nullable=False),  # at its step
        pa.field(
            "due", INSTANT
        ),  # when it is to be worked on if nothing happens; null once ended, and while it awaits a reply
        pa.field("until", INSTANT),  # of a wait with a timeout: when that ends it
        pa.field("awaits", pa.string()),  # the event that it waits for, or `reply` of a webhook
        pa.field("goal_at", INSTANT),
        pa.field("ended_at", INSTANT),
        pa.field("error", pa.string()),  # of the last failure
        pa.field("context", pa.string()),  # a JSON object: the event that began it, and what steps have written
    ]
)
"""One row an execution. A step is visited at most once in one ``occurrence``, so that execution, step and occurrence name an effect."""

HISTORY = pa.schema(
    [
        pa.field("execution_id", pa.string(), nullable=False),
        pa.field("move", pa.int32(), nullable=False),  # from 0, without gaps
        pa.field("at", INSTANT, nullable=False),
        pa.field("step", pa.string(), nullable=False),
        pa.field("type", pa.string()),  # of the step; null where none was worked on
        pa.field("occurrence", pa.int32(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),  # from 1
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("output", pa.string()),  # the template, the branch taken, the value written, ...
        pa.field("error", pa.string()),
        pa.field("stood_us", pa.int64(), nullable=False),  # how long it had stood at the step, by the workflow's clock
        pa.field("lag_us", pa.int64(), nullable=False),  # how much later than ``at`` it was worked on
        pa.field("work_us", pa.float64(), nullable=False),  # its share of the time that the work took
    ]
)
"""One row for each thing that happened to an execution. All but the last two columns are the same whoever works, and when."""

EFFECTS = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("execution_id", pa.string(), nullable=False),
        pa.field("workflow", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("step", pa.string(), nullable=False),
        pa.field("occurrence", pa.string(), nullable=False),  # of the delivery key: execution and occurrence
        pa.field("at", INSTANT, nullable=False),
        pa.field("payload", pa.string(), nullable=False),  # a JSON object, by kind
    ]
)
"""One row an effect that is to be applied. A repeat bears the same name and the same payload."""

ENTRIES = pa.schema(
    [
        pa.field("execution_id", pa.string(), nullable=False),  # see ``execution_id``
        pa.field("workflow", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("trigger", pa.string(), nullable=False),
        pa.field("step", pa.string(), nullable=False),  # the first
        pa.field("at", INSTANT, nullable=False),
        pa.field("context", pa.string()),
    ]
)
"""One row a person who is to enter a workflow."""

MEASURED = pa.schema(
    [
        pa.field("execution_id", pa.string(), nullable=False),
        pa.field("database_query_time_ms", pa.float64(), nullable=False),
        pa.field("template_render_time_ms", pa.float64(), nullable=False),
        pa.field("email_send_time_ms", pa.float64(), nullable=False),
        pa.field("total_memory_mb", pa.float64(), nullable=False),
        pa.field("cpu_usage_percent", pa.float64(), nullable=False),
    ]
)
"""What whoever worked on executions has measured: shares of their batches' times, the process's memory and use of a core."""

PEAKS = ("total_memory_mb", "cpu_usage_percent")
"""Those of MEASURED of which the most is kept; the others are summed."""

NEVER = None
AFTER_EXIT = 0


@dataclass(slots=True)
class Owner:
    """In whose name a store claims: nobody else has it, and whoever is started in another's place has a new one.

    ``gone`` are owners that are dead for good: what they have claimed, or claim yet, is free for ``concerned``, and whatever they still
    save of it is left out once somebody else has claimed it.
    """

    name: str = ""
    gone: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """EXECUTIONS that are now the caller's until the lease ends, and the users (sorted) of whom some that are alive are not free."""

    executions: pa.RecordBatch
    busy: tuple[str, ...] = ()


class ExecutionStore(Protocol):
    """Executions, their history and their effects, of one tenant.

    Every method may block, and may be called from any thread and by several processes at once. Instants are UTC microseconds.
    What a writing method has returned from is durable, whole or not at all. Raises TryAgainError when the database cannot be reached,
    read or written now, InputError when it is damaged or of a newer version.
    """

    def define(self, workflow: str, version: str, definition: str) -> None:
        """Keep the definition (JSON) that executions are pinned to; to do it again changes nothing."""

    def definition(self, workflow: str, version: str) -> str | None:
        """The definition of a version, if it is known."""

    def versions(self) -> pa.RecordBatch:
        """The versions of all workflows that are known: ``workflow`` and ``version``, sorted."""

    def enter(
        self,
        entries: pa.RecordBatch,
        again_after: int | None,
        not_while: Sequence[str] = (),
        only_after: Sequence[str] = (),
        lease_until: int | None = None,
    ) -> pa.RecordBatch:
        """Begin executions for ENTRIES, in order of ``at`` and then ``execution_id``, and give those begun, as EXECUTIONS.

        ``again_after`` is NEVER when a person enters a workflow once; else nobody enters while one of theirs is alive, nor by what
        happened before it ended (so that a trigger which came too early does so too when it is told again), nor before so many
        microseconds after the last one was entered (AFTER_EXIT: 0). An ``execution_id`` that is known begins nothing, so that a
        trigger may come twice. Nobody enters while one of theirs is alive in a workflow of ``not_while``, nor before one of theirs has
        come to its end (DONE) in each workflow of ``only_after``; entries with such rules are all of one workflow. Each one begun has
        state READY, ``due`` at once, all numbers 0 but ``moves``, and a first row of history (ENTERED, move 0).

        With ``lease_until`` those begun are claimed by the caller, as by ``concerned``: nobody comes in between.
        """

    def due(self, workflows: Sequence[str], now: int, most: int, lease_until: int) -> pa.RecordBatch:
        """Claim at most so many executions of these workflows that are alive, due at ``now`` or before, and free: the earliest first,
        then by ``execution_id``. Each has its ``claim`` raised by one.

        Free is what is under no lease and has no effect of kind UPDATE that is not settled: what it reads next it has written itself.
        """

    def concerned(self, workflow: str, user_ids: Sequence[str], now: int, lease_until: int) -> Claimed:
        """Claim every free execution of these people in a workflow that is alive, whether due or not, for something has happened to
        them; what is under the lease of an owner who is gone is free here. ``busy`` are those of whom one in this workflow is alive and
        not free."""

    def save(self, executions: pa.RecordBatch, history: pa.RecordBatch, effects: pa.RecordBatch) -> int:
        """Keep what a batch has come to and end its lease; gives how many executions were kept.

        An execution whose ``claim`` is no longer the one stored is left out, with its history and effects: somebody else has claimed
        or cancelled it meanwhile. An effect whose name is known is kept as it is.
        """

    def release(self, executions: pa.RecordBatch) -> None:
        """End the leases of claimed executions that are given back as they were."""

    def free(self, until: int) -> None:
        """End all leases, of executions and of effects, that would end at an instant or before it: whoever had taken them is gone.

        Should they be there yet, they do no harm: what they save counts as long as nobody else has claimed it.
        """

    def effects(
        self, kinds: Sequence[str], workflows: Sequence[str], now: int, most: int, lease_until: int
    ) -> pa.RecordBatch:
        """Lease at most so many effects of these kinds and workflows that are not settled and not under a lease, as EFFECTS: the
        earliest first, then by name."""

    def settle(self, names: Sequence[str]) -> int:
        """Mark effects as applied; gives how many were not so before."""

    def measure(self, measured: pa.RecordBatch) -> None:
        """Add MEASURED to what is known of executions: times are summed, of memory and use the most is kept. One that is not known is
        left out."""

    def measured(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        """What was measured of these executions, as MEASURED by ``execution_id``; whoever was never measured has no row."""

    def mark(self, name: str) -> str | None:
        """What ``set_mark`` has kept under a name: how far somebody has come."""

    def set_mark(self, name: str, value: str) -> None:
        """Keep a text of at most LONGEST_JSON octets under a name of at most LONGEST_TEXT (see ``engine.audience.store``)."""

    def history(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        """All that happened to these executions, as HISTORY by ``execution_id`` and ``move``."""

    def find(self, execution_ids: Sequence[str]) -> pa.RecordBatch:
        """The known ones of these executions, as EXECUTIONS by ``execution_id``."""

    def of_user(self, user_id: str) -> pa.RecordBatch:
        """A person's executions, as EXECUTIONS by ``entered_at`` and then ``execution_id``."""

    def of_workflow(self, workflow: str, states: Sequence[str], after: str, most: int) -> pa.RecordBatch:
        """At most so many executions of a workflow in some states, by ``execution_id``, from behind the one named ``after`` on."""

    def counts(self, workflow: str) -> pa.RecordBatch:
        """How many executions stand where: ``version``, ``state``, ``step``, ``executions`` (int64), sorted by the first three."""

    def cancel(self, execution_ids: Sequence[str], now: int) -> int:
        """End executions that are alive, claimed or not: state CANCELLED, ``claim`` raised, ``due``, ``until`` and ``awaits`` null,
        ``ended_at`` now, and a row of history (CANCELLED). Gives how many were alive."""

    def retry(self, execution_ids: Sequence[str], now: int) -> int:
        """Let failed executions try their step again: state READY, due now, ``retry_count`` 0, ``ended_at`` and ``error`` null, and a row
        of history (RETRIED). It is another occurrence, for whatever the failed one asked for is settled under its names. Gives how many
        had failed."""

    def close(self) -> None:
        """Let go of files and connections."""


def execution_id(workflow: str, user_id: str, cause: str) -> str:
    """The name of the execution that a cause (an event's id, a date) begins for a person: 32 hexadecimal digits of BLAKE2b."""
    framed = "".join(f"{len(part)}:{part}" for part in (workflow, user_id, cause))
    return hashlib.blake2b(framed.encode(), digest_size=16, person=b"mailray-exec").hexdigest()
