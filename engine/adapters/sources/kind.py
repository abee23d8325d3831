"""What a campaign asks for, and what a kind of source is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from engine.adapters.sources.query import QueryText
from engine.audience.source import Source
from engine.audience.store import Store


@dataclass(frozen=True, slots=True)
class Asked:
    """The source that a campaign names.

    Relative paths begin in ``folder``. ``query`` is there if it is a database, whose rows come in the order of the column ``key``;
    ``types`` are those of columns that are text or JSON there. ``store`` opens Mailray's own store if its people are the source.
    """

    source: str | Sequence[str]
    folder: Path
    key: str
    format: str | None = None
    query: QueryText | None = None
    password: str | None = field(default=None, repr=False)
    types: Mapping[str, pa.DataType] = field(default_factory=dict)
    store: Callable[[], Store] | None = None


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source: the scheme of its addresses (None for files), and how it is opened.

    ``open`` raises what is wrong with the source: InputError, MissingInputError, UsageError; of databases also CampaignError for the
    query, ServiceError and TryAgainError.
    """

    name: str
    scheme: str | None
    open: Callable[[Asked], Source]
