"""A run's ledger, of the kind that its settings name."""

from __future__ import annotations

from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.adapters.stores.run_folder import RunFolder
from engine.ledger.contract import Ledger


def open_ledger(folder: RunFolder) -> Ledger:
    """The ledger of the run in this folder."""
    return SqliteLedger(folder.ledger)
