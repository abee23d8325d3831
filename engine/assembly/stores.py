"""The stores that outlive runs, in one folder."""

from __future__ import annotations

from pathlib import Path

from engine.adapters.stores.caps_sqlite import SqliteCaps
from engine.adapters.stores.suppression_sqlite import SqliteSuppression
from engine.audience.frequency import CapsStore
from engine.audience.suppression import SuppressionStore
from engine.pipeline.definition import TENANT


def open_suppression(folder: Path) -> SuppressionStore:
    return SqliteSuppression(folder / "suppression.sqlite", TENANT)


def open_caps(folder: Path) -> CapsStore:
    return SqliteCaps(folder / "caps.sqlite")
