"""What the readers of all formats give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from engine.audience.connector import Refused
from engine.audience.incoming.json_text import text_of


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that were read together, and those among them that are refused."""

    rows: pa.RecordBatch
    refused: Sequence[Refused]


def as_json(row: pa.RecordBatch) -> str:
    """One row as people can read it, whatever is in it."""
    return text_of({name: _shown(value) for name, value in row.to_pylist()[0].items() if value is not None})


def _shown(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value if _plain(value) else str(value)


def _plain(value: Any) -> bool:
    return isinstance(value, str | int)
