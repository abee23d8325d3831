"""Whether this machine, and a campaign's surroundings, are fit for a run."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from engine.adapters.probes import Look, look_at_relay, look_at_web
from engine.adapters.transports import TransportSettings
from engine.adapters.transports.providers.transport import HttpTransport
from engine.adapters.transports.tls import tls_context
from engine.assembly.cache import look_at_redis
from engine.assembly.campaign import OpenCampaign
from engine.assembly.doctor_names import names_to_look_at
from engine.assembly.ledger import ledger_record
from engine.assembly.secret_references import resolve_secret
from engine.assembly.sending import Route, open_route, signer_of
from engine.assembly.settings import AppSettings, StoresAt, leaves_machine
from engine.assembly.stores import known_event_log, known_store, known_suppression, open_pool, open_suppression
from engine.campaign.schema import Delivery
from engine.delivery.alignment import Level, Remark
from engine.errors import MailrayError, ServiceError

LEAST_DISK = 1 << 30
DISK_PER_RECIPIENT = 1_024  # octets: audience, verdict, outbox and four entries of the ledger take less
LEAST_RAY = (2, 56)  # older ones run code that a Parquet file or a web page brings in (CVE-2026-41486, CVE-2026-57516)
SECONDS = 3.0
CERTIFICATE_DAYS = 14
CLOCK_WARN, CLOCK_FAIL = 30.0, 300.0  # seconds; providers' signatures are good for five minutes
RAY_PORTS = {8265: "dashboard and jobs", 10001: "client"}
_LISTENING = "0A"
_ANY = ("", "FFFF")  # 0.0.0.0 and ::, and the former in the form of the latter
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    level: Level
    detail: str
    help: str = ""

    @property
    def ok(self) -> bool:
        return self.level is not Level.FAIL


def examine(settings: AppSettings, campaign: OpenCampaign | None = None) -> Iterator[Finding]:
    """Look at everything, and go on after what is wrong."""
    yield _found("ray", _ray)
    yield _found("ray's ports", lambda: _ports(_listening(), os.environ.get("RAY_AUTH_MODE")))
    rows = 0 if campaign is None else _rows(campaign)
    yield _found("run folder", lambda: _folder(settings.runs, rows))
    yield _found("ledger", lambda: _ledger(settings, Path() if campaign is None else campaign.audience_folder))
    if settings.redis is not None:
        yield _found("redis", lambda: look_at_redis(settings.cache_at))
    at = settings.stores_at
    store = _found("store", lambda: _store_files(at) if at.database is None else _store(at))
    yield store
    if store.ok and at.database is not None:
        yield _found("database's clock", lambda: _database_clock(at))
    if settings.address is not None:
        yield _found("cluster", lambda: _cluster(settings.address or "", os.environ.get("RAY_AUTH_MODE")))
    if campaign is not None:
        yield from _surroundings(settings, campaign)


def _surroundings(settings: AppSettings, campaign: OpenCampaign) -> Iterator[Finding]:
    delivery, folder = campaign.campaign.delivery, campaign.audience_folder
    route = Route.of(settings, delivery)
    yield _found("secret", lambda: _secret(delivery.secret, folder))
    looks: list[Look] = []
    yield _found("transport", lambda: _transport(route, delivery, folder, looks))
    for look in looks:
        yield _found("certificate", partial(_certificate, look, route, datetime.now(UTC)))
        yield _found("clock", partial(_clock, look, time.time()))
    if delivery.dkim is not None:
        yield _found("DKIM key", lambda: _dkim(delivery, folder))
    if settings.dns is not None or leaves_machine(route.url):
        yield from (_found(name, look) for name, look in names_to_look_at(settings.dns, delivery, route, folder))
    yield _found("audience", lambda: f"{campaign.source.count():,} rows in {campaign.source.name}")


def _found(name: str, look: Callable[[], str | Remark]) -> Finding:
    try:
        found = look()
    except MailrayError as fault:
        told = fault.diagnostics[0]
        return Finding(name, Level.FAIL, told.message, told.help or "")
    except (OSError, ValueError, sqlite3.Error) as fault:
        return Finding(name, Level.FAIL, str(fault))
    if isinstance(found, Remark):
        return Finding(name, found.level, found.detail, found.help)
    return Finding(name, Level.OK, found)


def _ray() -> str:
    version = importlib.metadata.version("ray")
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_RAY:
        raise ValueError(f"{version} is not safe; {'.'.join(map(str, LEAST_RAY))} is the least")
    return version


def _listening() -> str:
    """The kernel's tables of TCP sockets; empty where there are none to read."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    return "".join(table.read_text(encoding="ascii") for table in tables if table.exists())


def _ports(table: str, mode: str | None) -> Remark:
    """Whether Ray listens for everybody: who reaches it runs code of theirs (CVE-2023-48022)."""
    sockets = (line.split() for line in table.splitlines())
    listening = {fields[1] for fields in sockets if len(fields) > 3 and fields[3] == _LISTENING}
    ends = [(address, int(port, 16)) for address, _, port in (each.partition(":") for each in listening)]
    open_to_all = sorted({port for address, port in ends if port in RAY_PORTS and address.strip("0") in _ANY})
    if not open_to_all:
        return Remark(Level.OK, "none of them is open to other machines here")
    named = ", ".join(f"{port} ({RAY_PORTS[port]})" for port in open_to_all)
    if mode == "token":
        return Remark(Level.WARN, f"open to other machines, with a token: {named}", "bind them to a private address")
    return Remark(
        Level.FAIL,
        f"open to everybody without a token: {named}",
        "RAY_AUTH_MODE=token on every node, and a private address for the head",
    )


def _cluster(address: str, mode: str | None) -> Remark:
    host = address.rpartition("://")[2].rpartition(":")[0] or address
    if mode == "token" or host in (*_LOOPBACK, "auto"):
        return Remark(Level.OK, f"{address}, RAY_AUTH_MODE={mode or 'not set'}")
    return Remark(
        Level.FAIL,
        f"{address} is on the network, and RAY_AUTH_MODE is not `token`",
        "RAY_AUTH_MODE=token on every node",
    )


def _rows(campaign: OpenCampaign) -> int:
    try:
        return int(campaign.source.count())
    except (MailrayError, OSError, ValueError):
        return 0  # told where the audience is looked at


def _folder(runs: Path, rows: int) -> str:
    there = next(each for each in (runs.absolute(), *runs.absolute().parents) if each.exists())
    with tempfile.TemporaryFile(dir=there):
        free = shutil.disk_usage(there).free
    need = LEAST_DISK + rows * DISK_PER_RECIPIENT
    if free < need:
        raise ValueError(f"{there} has {free / 2**20:,.0f} MiB free; {need / 2**20:,.0f} are the least")
    return f"{runs} can be written, {free / 2**30:,.1f} GiB free of {need / 2**30:,.1f} that may be needed"


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


def _store_files(at: StoresAt) -> str:
    """Reads each of the stores' files that is there, and makes none."""
    suppression, people, log = known_suppression(at), known_store(at), known_event_log(at)
    with ExitStack() as stack:
        for kept in (suppression, people, log):
            if kept is not None:
                stack.enter_context(closing(kept))
        if suppression is not None:
            suppression.version()
        if people is not None:
            people.version()
        if log is not None:
            log.known([])
    return f"files in {at.folder}"


def _store(at: StoresAt) -> str:
    with closing(open_suppression(at)) as store, closing(open_pool(at)) as pool:
        store.version()
        absent = pool.absent()
        if absent:
            raise ServiceError.single("MR677", f"these replicas are not read: {', '.join(map(str, absent))}")
        return f"{pool.place} answers, and {len(at.replicas)} replicas"


def _database_clock(at: StoresAt) -> Remark:
    with closing(open_pool(at)) as pool, pool.current() as connection:
        asked = time.time()
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return _apart(row[0], (asked + time.time()) / 2, "the database")


def _secret(reference: str | None, folder: Path) -> str:
    resolve_secret(reference, folder)
    return f"{reference} is there"


def _dkim(delivery: Delivery, folder: Path) -> str:
    signer_of(delivery, folder)
    assert delivery.dkim is not None
    return f"signs for {delivery.dkim.domain}; its public half belongs at {delivery.dkim.selector}._domainkey.{delivery.dkim.domain}"


def _transport(route: Route, delivery: Delivery, folder: Path, looks: list[Look]) -> str:
    """Raises what is wrong with it; ``looks`` gets what was seen at its other end."""
    parts = urlsplit(route.url)
    context = tls_context(TransportSettings())
    if parts.scheme.startswith("smtp"):
        looks.append(look_at_relay(parts, context, SECONDS))
        return f"{parts.netloc.rpartition('@')[2] or 'localhost'} answers"
    if parts.scheme == "file":  # opening it makes its folder
        return route.url
    opened = open_route(route, delivery, folder)
    if isinstance(opened, HttpTransport):
        end = urlsplit(opened.url)
        looks.append(look_at_web(end, context, SECONDS))
        return f"{end.netloc} answers"
    return route.url


def _certificate(look: Look, route: Route, now: datetime) -> Remark:
    if look.expires is None:
        if not leaves_machine(route.url):
            return Remark(Level.OK, "no TLS, and none is needed on this machine")
        level = Level.FAIL if route.credentials else Level.WARN
        return Remark(
            level, "no TLS: mail, name and password can be read on the way", "a relay with STARTTLS, or smtps://"
        )
    days = (look.expires - now).days
    if days < CERTIFICATE_DAYS:
        return Remark(Level.WARN, f"the certificate is good for {days} days", "renew it; afterwards nothing is sent")
    return Remark(Level.OK, f"TLS, with a certificate that is good for {days:,} days")


def _clock(look: Look, now: float) -> Remark:
    if look.clock is None:
        return Remark(Level.OK, "the other end does not tell its time")
    return _apart(look.clock, now, "the transport's other end")


def _apart(clock: datetime, now: float, whose: str) -> Remark:
    apart = abs(clock.timestamp() - now)
    told = f"{apart:,.0f} seconds from that of {whose}"
    if apart <= CLOCK_WARN:
        return Remark(Level.OK, told)
    return Remark(Level.FAIL if apart > CLOCK_FAIL else Level.WARN, told, "let a time server set this machine's clock")
