"""The stores that outlive runs, in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from engine.adapters.stores.caps_sqlite import SqliteCaps
from engine.adapters.stores.suppression_sqlite import SqliteSuppression
from engine.audience.suppression import SuppressionStore
from engine.pipeline.definition import TENANT

_SUPPRESSION = "suppression.sqlite"


def open_suppression(folder: Path) -> SuppressionStore:
    return SqliteSuppression(folder / _SUPPRESSION, TENANT)


def suppressed_addresses(folder: Path, list: str) -> Iterator[pa.StringArray]:
    """Whom the store suppresses; where there is no store yet nobody is, and to plan makes none."""
    return open_suppression(folder).suppressed(list) if (folder / _SUPPRESSION).exists() else iter(())


def open_caps(folder: Path) -> SqliteCaps:
    """Frequency caps and daily allowances."""
    return SqliteCaps(folder / "caps.sqlite")
