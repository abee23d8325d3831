"""What a source of recipients is, whatever it is kept in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc


class Source(Protocol):
    """Recipients as Arrow batches, in an order that is the same at each reading."""

    @property
    def name(self) -> str:
        """The source in a person's words, for errors; holds no secret."""

    @property
    def schema(self) -> pa.Schema:
        """All columns that may be asked for."""

    def count(self) -> int:
        """How many rows there are in all."""

    def batches(self, columns: Sequence[str], filter: pc.Expression | None = None) -> Iterator[pa.RecordBatch]:
        """The rows that pass ``filter`` (all if None), in order, with ``columns`` alone.

        Raises InputError when what is read is damaged or changes its types on the way.
        """
