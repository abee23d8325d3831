"""A run's ledger, of the kind that its record names: files in its folder, or a database that all nodes reach."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.adapters.stores.ledger_packed import PackedLedger
from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.adapters.stores.plan_packs import PlanPacks
from engine.adapters.stores.run_folder import RunFolder
from engine.assembly.secret_references import resolve_secret
from engine.assembly.settings import AppSettings
from engine.errors import UsageError, did_you_mean
from engine.ledger.contract import Ledger
from engine.pipeline.records import LIVE, MANIFEST

SCHEME = "postgresql"


def ledger_record(settings: AppSettings, origin: Path) -> dict[str, Any] | None:
    """What a new run notes of where its ledger is, without a secret; None for files in its folder.

    The database is asked, so that what is wrong with it is said before anything is made. Raises UsageError (MR614), CampaignError for a
    password that is not there, and what the database raises.
    """
    if settings.ledger is None:
        return None
    record = {"url": settings.ledger, "password": settings.ledger_password, "run": str(uuid.uuid4())}
    _in_database(record, origin).partitions()
    return record


def open_ledger(folder: RunFolder) -> Ledger:
    """The ledger of the run in this folder."""
    manifest = folder.read_json(MANIFEST)
    record = manifest.get("ledger")
    if record is not None:
        return _in_database(record, Path(manifest["origin"]))
    ledger = SqliteLedger(folder.ledger)
    return PackedLedger(ledger, PlanPacks(folder.path)) if LIVE in manifest else ledger


def ledger_in_database(folder: RunFolder) -> bool:
    return folder.read_json(MANIFEST).get("ledger") is not None


def _in_database(record: Mapping[str, Any], origin: Path) -> Ledger:
    scheme = record["url"].partition("://")[0]
    if scheme != SCHEME:
        raise UsageError.single("MR614", f"unknown ledger `{scheme}`", help=did_you_mean(scheme, (SCHEME,)))
    from engine.adapters.stores.ledger_postgres import PostgresLedger
    from engine.adapters.stores.postgres_session import parse_database

    reference = record["password"]
    password = None if reference is None else resolve_secret(reference, origin).decode()
    return PostgresLedger(parse_database(record["url"], password), record["run"])
