"""The frozen audience: what a run reads instead of the source, so that nothing changes under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from engine.audience.eligibility import Marks


@dataclass(frozen=True, slots=True)
class Frozen:
    """``source_rows`` were read, ``rows`` of them selected and kept; ``digest`` is a SHA-256 over what was kept, in hexadecimal."""

    source_rows: int
    rows: int
    digest: str


class AudienceStore(Protocol):
    """Where the frozen audience is kept."""

    def freeze(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, suppressed: Iterable[pa.StringArray]
    ) -> tuple[int, str]:
        """Keep the batches, mark duplicates and the suppressed, give the number of rows and the digest. Replaces what was there."""

    def blocks(self, start: int, stop: int) -> Iterator[tuple[int, pa.RecordBatch, Marks]]:
        """Rows ``start`` to ``stop`` block by block: the first row's number, the rows, their marks."""
