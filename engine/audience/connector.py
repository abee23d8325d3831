"""Where customers and events come from, whatever it is: files, a folder that files are dropped into, another system's interface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not taken: what it is in, the line (from 1; in a Parquet file or a reply the row), why, and the row itself."""

    source: str
    line: int
    reason: str
    row: str


@dataclass(frozen=True, slots=True)
class Page:
    """Rows that are kept together.

    ``rows`` are as the store's EVENTS, or its USERS without ``version`` (and without columns that are not spoken of). ``name`` is
    another one for each page, and the same when the same page is given again. Whoever keeps ``cursor`` with the page may go on
    behind it.
    """

    name: str
    rows: pa.RecordBatch
    refused: Sequence[Refused]
    cursor: str | None


class Connector(Protocol):
    """A source of customers or events."""

    @property
    def name(self) -> str:
        """The source in a person's words, for faults; holds no secret."""

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """The pages behind a cursor, or all (None). To ask for the next page is to say that the last one is durable.

        A page may come again after a crash, never may one be left out. Raises MissingInputError, InputError, ServiceError,
        RefusedError, FileAccessError.
        """
