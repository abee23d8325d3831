"""What is kept of people between runs: the columns, and the contract of whatever database keeps them.

Batches go in and come out; nothing here asks for one person at a time. Instants are UTC microseconds. One store object serves one
tenant and sees no other's rows.

What one kind of store cannot keep none does, so that people can move from one to another: a text holds at most LONGEST_TEXT octets
of UTF-8, a JSON object LONGEST_JSON, neither a NUL nor half a surrogate pair, no number is beyond a double's range, and instants have
a time zone and lie in the years 1 to 9999. A batch that holds anything else is refused whole: InputError (MR676), naming the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

INSTANT = pa.timestamp("us", "UTC")
LONGEST_TEXT = 512  # octets; PostgreSQL's index entries end at 2,704, and up to five texts share one
LONGEST_JSON = 65_536  # octets of a JSON object that is written; what has been laid over one another may be longer

USERS = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("email", pa.string()),
        pa.field("first_name", pa.string()),
        pa.field("subscription_status", pa.string()),
        pa.field("time_zone", pa.string()),
        pa.field("created_at", INSTANT),
        pa.field("last_activity", INSTANT),
        pa.field("attributes", pa.string()),  # a JSON object; of whoever has none, the empty one
        pa.field("version", pa.int64(), nullable=False),  # of the store, when this person last changed
    ]
)
"""One row a person. ``attributes`` holds what has no column of its own."""

MEMBERSHIPS = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("segment_type", pa.string(), nullable=False),  # behavioral, demographic, ...
        pa.field("segment_value", pa.string(), nullable=False),
        pa.field("active", pa.bool_(), nullable=False),
        pa.field("created_at", INSTANT, nullable=False),
    ]
)
"""One row a person and segment; whoever has left stays, with ``active`` false."""

EVENTS = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("event_type", pa.string(), nullable=False),  # opened, clicked, cart_abandoned, ...
        pa.field("event_time", INSTANT, nullable=False),
        pa.field("campaign_id", pa.string()),  # of engagement events; null for a customer's own
        pa.field("properties", pa.string()),  # a JSON object
    ]
)
"""One row an event, engagement and customer events alike; ``event_id`` is its sender's, and makes a repeat harmless."""

ARRIVED = EVENTS.append(pa.field("position", pa.int64(), nullable=False))
"""EVENTS, each with its position in the order of their arrival: below 2 to the power of 52, with gaps."""


@dataclass(frozen=True, slots=True)
class Write:
    """Names one batch of changes: a repeat under the same name changes nothing, so a step that was done half may be done again.
    A name is remembered for at least 90 days.

    ``sequence`` orders writes: to a cell that a later one has written, an earlier one that arrives late does nothing. A cell is a column
    of a person, a name in their attributes, or a membership. Of rows for one cell in a batch, and of writes that share a sequence,
    the last one holds.
    """

    run: str
    step: str
    key: str
    sequence: int


class Store(Protocol):
    """Users, memberships and events of one tenant.

    Every method may block, and may be called from any thread and by several processes at once. What a writing method has returned
    from is durable, whole or not at all. Raises TryAgainError when the database cannot be reached, read or written now, InputError
    when it is damaged, of a newer version (MR672), or given what it does not keep (MR676).
    """

    def users(self, user_ids: pa.StringArray) -> pa.RecordBatch:
        """The known ones of these people, as USERS by ``user_id``: one question, however many are asked for."""

    def page(self, after: str, most: int) -> pa.RecordBatch:
        """At most so many people whose ids come after this one (empty: the first), as USERS by ``user_id``, in the order of its bytes."""

    def put_users(self, users: pa.RecordBatch, write: Write) -> int:
        """Make or replace people: ``user_id`` and any other of USERS' columns but ``version``. Columns that are not given stay as they
        are; ``attributes`` are replaced as a whole. Gives how many are new, or no longer what they were."""

    def update_attributes(self, changes: pa.RecordBatch, write: Write) -> int:
        """Lay ``attributes`` (JSON objects) over those of known people, name by name; null takes a name away.
        Gives how many are no longer what they were; people who are not known are left out."""

    def put_memberships(self, memberships: pa.RecordBatch, write: Write) -> int:
        """Enter people into segments, or let them leave (``active`` false); gives how many memberships are new, or
        no longer what they were. Whoever is not known as a user may have memberships."""

    def memberships(self, user_ids: pa.StringArray) -> pa.RecordBatch:
        """The active memberships of these people, as MEMBERSHIPS by ``user_id``, type and value."""

    def put_events(self, events: pa.RecordBatch) -> int:
        """Add events; one whose ``event_id`` is there already is left out. Gives how many are new."""

    def events(self, after: int, most: int) -> tuple[pa.RecordBatch, int]:
        """At most so many events, as ARRIVED in the order of their arrival after position ``after`` (0: all), and where the last one is."""

    def events_of(self, user_ids: pa.StringArray, types: Sequence[str], since: int) -> pa.RecordBatch:
        """These people's events of some types at or after an instant, as EVENTS by ``user_id`` and time."""

    def active_members(self, segment_types: Sequence[str], since: int) -> Iterator[pa.RecordBatch]:
        """Active subscribers with an active membership of these types and activity since an instant, the latest first:
        ``user_id``, ``email``, ``first_name``, ``segment_type``, ``segment_value``, some thousand at a time."""

    def version(self) -> int:
        """The number of the latest change to users or memberships; cheap. Whoever has read up to it has seen all before it."""

    def changed(self, since: int, most: int) -> Sequence[str] | None:
        """Whose row or membership has changed after version ``since``; None when they are more than ``most``, or the
        store no longer knows: it keeps one by one only the changes of late, and none that concerned very many."""

    def close(self) -> None:
        """Let go of files and connections."""
