"""What a source of recipients is, whatever it is kept in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from engine.conditions import Pushdown


class Source(Protocol):
    """Recipients as Arrow batches, in an order that is the same at each reading."""

    @property
    def name(self) -> str:
        """The source in a person's words, for errors; holds no secret."""

    @property
    def schema(self) -> pa.Schema:
        """All columns that may be asked for."""

    def pushdown(self, condition: str, now: datetime, timezone: str) -> Pushdown[Any]:
        """A checked condition in two: what this source does itself, exactly as the engine would at ``now``, and the rest."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Within it, all that is read is of one moment, as far as the source knows moments."""

    def count(self) -> int:
        """How many rows there are in all."""

    def batches(self, columns: Sequence[str], filter: Any = None) -> Iterator[pa.RecordBatch]:
        """The rows that pass the ``filter`` of a pushdown (all if None), in order, with ``columns`` alone.

        Raises InputError when what is read is damaged or changes its types on the way, and what else the kind of source raises.
        """
