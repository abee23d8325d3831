"""Rows that were taken in, and rows that were not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that is not taken: ``row`` counts from 0 within what was read together."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """The good rows, in their order, and the others by ``row``."""

    rows: pa.RecordBatch
    refused: Sequence[Refusal]
