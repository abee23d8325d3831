"""A run's ledger taken out, and looked through."""

from __future__ import annotations

from pathlib import Path

from engine.adapters.stores.ledger_archive import LedgerArchive, write_parquet
from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.plan_packs import PlanPacks
from engine.adapters.stores.run_folder import RunFolder
from engine.assembly.ledger import open_ledger
from engine.pipeline.closing import Verification, exported, verify
from engine.pipeline.records import MANIFEST


def export_ledger(run: Path, out: Path) -> int:
    """Write the ledger of a run, at work or not, as one Parquet file, and give the number of messages.

    Raises MissingInputError when this is no run, InputError when the ledger is damaged, CannotCreateError.
    """
    folder = RunFolder(run.absolute())
    folder.read_json(MANIFEST)
    return write_parquet(out, exported(open_ledger(folder), PlanFiles(folder.path), PlanPacks(folder.path)))


def verify_ledger(run: Path) -> Verification:
    """Look through the ledger of a run on which nobody works. Raises MissingInputError when this is no run, RefusedError while
    somebody works on it."""
    folder = RunFolder(run.absolute())
    folder.read_json(MANIFEST)
    with folder.locked():
        return verify(open_ledger(folder), PlanFiles(folder.path), LedgerArchive(folder.ledger), PlanPacks(folder.path))
