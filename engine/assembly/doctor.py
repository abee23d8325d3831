"""Whether this machine, and a campaign's surroundings, are fit for a run."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from engine.assembly.cache import look_at_redis
from engine.assembly.campaign import OpenCampaign
from engine.assembly.ledger import ledger_record
from engine.assembly.secrets import resolve_secret
from engine.assembly.sending import Route, open_route, signer_of
from engine.assembly.settings import AppSettings, StoresAt
from engine.assembly.stores import open_pool, open_suppression
from engine.campaign.schema import Delivery
from engine.errors import MailrayError, ServiceError

LEAST_DISK = 1 << 30
LEAST_RAY = (2, 56)  # older ones run code that a Parquet file or a web page brings in (CVE-2026-41486, CVE-2026-57516)
SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


def examine(settings: AppSettings, campaign: OpenCampaign | None = None) -> Iterator[Finding]:
    """Look at everything, and go on after what is wrong."""
    yield _found("ray", _ray)
    yield _found("run folder", lambda: _folder(settings.runs))
    yield _found("ledger", lambda: _ledger(settings, Path() if campaign is None else campaign.audience_folder))
    if settings.redis is not None:
        yield _found("redis", lambda: look_at_redis(settings.cache_at))
    if settings.store is not None:
        yield _found("store", lambda: _store(settings.stores_at))
    if settings.address is not None:
        yield Finding(
            "cluster", True, f"{settings.address}, RAY_AUTH_MODE={os.environ.get('RAY_AUTH_MODE', 'not set')}"
        )
    if campaign is not None:
        delivery = campaign.campaign.delivery
        yield _found("secret", lambda: _secret(delivery.secret, campaign.audience_folder))
        yield _found("transport", lambda: _transport(Route.of(settings, delivery), delivery, campaign.audience_folder))
        if delivery.dkim is not None:
            yield _found("DKIM key", lambda: _dkim(delivery, campaign.audience_folder))
        yield _found("audience", lambda: f"{campaign.source.count():,} rows in {campaign.source.name}")


def _found(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except MailrayError as fault:
        return Finding(name, False, fault.diagnostics[0].message)
    except (OSError, ValueError, sqlite3.Error) as fault:
        return Finding(name, False, str(fault))


def _ray() -> str:
    version = importlib.metadata.version("ray")
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_RAY:
        raise ValueError(f"{version} is not safe; {'.'.join(map(str, LEAST_RAY))} is the least")
    return version


def _folder(runs: Path) -> str:
    there = next(each for each in (runs.absolute(), *runs.absolute().parents) if each.exists())
    with tempfile.TemporaryFile(dir=there):
        free = shutil.disk_usage(there).free
    if free < LEAST_DISK:
        raise ValueError(f"{there} has {free / 2**20:,.0f} MiB free; 1,024 are the least")
    return f"{runs} can be written, {free / 2**30:,.1f} GiB free"


def _ledger(settings: AppSettings, origin: Path) -> str:
    if settings.ledger is not None:
        ledger_record(settings, origin)
        return f"{settings.ledger.rpartition('@')[2]} answers"
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "probe.sqlite")
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        connection.close()
    if mode != "wal":
        raise ValueError("SQLite cannot keep a write-ahead log here")
    return f"SQLite {sqlite3.sqlite_version}, write-ahead log"


def _store(at: StoresAt) -> str:
    with closing(open_suppression(at)) as store, closing(open_pool(at)) as pool:
        store.version()
        absent = pool.absent()
        if absent:
            raise ServiceError.single("MR677", f"these replicas are not read: {', '.join(map(str, absent))}")
        return f"{pool.place} answers, and {len(at.replicas)} replicas"


def _secret(reference: str | None, folder: Path) -> str:
    resolve_secret(reference, folder)
    return f"{reference} is there"


def _dkim(delivery: Delivery, folder: Path) -> str:
    signer_of(delivery, folder)
    assert delivery.dkim is not None
    return f"signs for {delivery.dkim.domain}; its public half belongs at {delivery.dkim.selector}._domainkey.{delivery.dkim.domain}"


def _transport(route: Route, delivery: Delivery, folder: Path) -> str:
    parts = urlsplit(route.url)
    if not parts.scheme.startswith("smtp"):
        if not parts.scheme.startswith("file"):  # opening that one makes its folder
            open_route(route, delivery, folder)
        return route.url
    host, port = parts.hostname or "localhost", parts.port or (465 if parts.scheme == "smtps" else 25)
    with socket.create_connection((host, port), SECONDS):
        return f"{host}:{port} answers"
