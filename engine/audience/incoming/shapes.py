"""What is taken in, and what each of its columns may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from engine.audience.store import EVENTS, USERS


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of one of the store's tables, as rows from elsewhere fill them.

    ``schema`` is of what comes out; ``required`` columns are never empty, ``instants`` are points in time, and ``rest`` is the one
    that takes what has no column of its own, as a JSON object. ``identity`` is made of the row's content where it is absent.
    A row is ``whole`` when a column that its file does not have is empty, and not left as it was. ``reserved`` is what the values of
    a column may not begin with.
    """

    name: str
    schema: pa.Schema
    required: Sequence[str]
    instants: Sequence[str]
    rest: str
    identity: str | None = None
    whole: bool = True
    reserved: Mapping[str, str] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        return [name for name in self.schema.names if name not in self.instants and name != self.rest]


EVENT = Shape("event", EVENTS, ("user_id", "event_type", "event_time"), ("event_time",), "properties", "event_id")
USER = Shape(
    "customer",
    pa.schema([field for field in USERS if field.name != "version"]),
    ("user_id",),
    ("created_at", "last_activity"),
    "attributes",
    whole=False,
)
