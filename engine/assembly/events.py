"""Sources of customers and events, and the store that takes them."""

from __future__ import annotations

import secrets
import time
import zoneinfo
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from engine.adapters.connectors import DropFolder, FileConnector, HttpPages, Paging, StreamConnector
from engine.adapters.connectors.cursors import CursorFile
from engine.adapters.connectors.http_client import PageClient, place
from engine.adapters.connectors.quarantine import Quarantine
from engine.adapters.transports.providers.endpoint import is_loopback
from engine.adapters.web import PostingParts
from engine.assembly.secret_references import resolve_secret
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_store
from engine.assembly.wall_clock import wall
from engine.audience.connector import Connector, Page, Refused
from engine.audience.incoming import EVENT, USER, Reading, Shape
from engine.audience.store import Store
from engine.errors import UsageError, did_you_mean
from engine.pipeline.automation.contract import API_EVENT
from engine.pipeline.events_ingest import Counts, check, ingest, keep_events, keep_users
from engine.pipeline.events_intake import EventIntake
from engine.pipeline.triggers_intake import Instruments, TriggerIntake
from engine.workflow.executions import ExecutionStore

SHAPES: Mapping[str, Shape] = {"events": replace(EVENT, reserved={"event_type": API_EVENT}), "customers": USER}
MOST_SHOWN = 20
STANDARD_INPUT = 0


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a source is read; what is not said is found out. ``columns`` are OURS=THEIRS, ``token`` is a reference."""

    format: str | None = None
    columns: Sequence[str] = ()
    timezone: str | None = None
    token: str | None = None
    paging: Paging = field(default_factory=Paging)


class RefusedRows:
    """Keeps refused rows, and remembers the first for people."""

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine
        self.first: list[Refused] = []

    def keep(self, rows: Sequence[Refused]) -> None:
        self._quarantine.keep(rows)
        self.first += rows[: MOST_SHOWN - len(self.first)]

    def close(self) -> Path | None:
        """The file that they are in, or None when there are none."""
        return self._quarantine.close()


@dataclass(frozen=True, slots=True)
class Ingest:
    """One source and all that it takes to read it into the store."""

    connector: Connector
    refused: RefusedRows
    counts: Counts
    _keep: Callable[[Page], int]
    _cursor: CursorFile | None

    @property
    def failed(self) -> int:
        """Files that could not be read and were put aside."""
        return self.connector.failed if isinstance(self.connector, DropFolder) else 0

    def check_repeated(self) -> None:
        """Raises UsageError (MR799) for a source in which nothing new appears."""
        if self._cursor is None:
            raise UsageError.single(
                "MR799", "--every looks again at a folder or an interface", help="leave it out for files and streams"
            )

    def check(self) -> None:
        """Raises InputError with the rows that would be refused, and UsageError for a source that cannot be read twice."""
        if not isinstance(self.connector, FileConnector):
            raise UsageError.single(
                "MR799", "--strict looks at files before it keeps anything", help="leave it out here"
            )
        check(self.connector.pages(None))

    def read(self, told: Callable[[Counts], None]) -> None:
        """Read what there is now, and count."""
        ingest(self.connector, self._keep, self.refused, self._cursor, told, self.counts)


@contextmanager
def open_ingest(
    settings: AppSettings, what: str, sources: Sequence[str], options: SourceOptions, rejects: Path | None
) -> Iterator[Ingest]:
    """Raises what the source, the store and the options are faulted for."""
    now = datetime.now(UTC)
    rejects = rejects or settings.stores_folder / "rejected" / f"{what}-{now:%Y%m%dT%H%M%S%fZ}.jsonl"
    reading = reading_of(SHAPES[what], options)
    with ExitStack() as stack:
        connector, identity = _open_connector(sources, reading, options, stack)
        cursor = None
        if identity is not None:
            cursor = stack.enter_context(CursorFile(settings.stores_folder, connector.name, f"{what} {identity}"))
        store = stack.enter_context(closing(open_store(settings.stores_at)))
        keep = (
            keep_events(store) if what == "events" else keep_users(store, f"{connector.name} {now.isoformat()}", wall)
        )
        refused = RefusedRows(Quarantine(rejects))
        stack.callback(refused.close)
        yield Ingest(connector, refused, Counts(), keep, cursor)


def reading_of(shape: Shape, options: SourceOptions) -> Reading:
    """Raises UsageError (MR799) for a column that is none of ours, and a zone that is none."""
    names = {}
    for each in options.columns:
        ours, equals, theirs = each.partition("=")
        if ours not in shape.schema.names or not equals or not theirs:
            raise UsageError.single(
                "MR799",
                f"`--column {each}` names no column",
                help=f"OURS=THEIRS; {did_you_mean(ours, shape.schema.names)}",
            )
        names[ours] = theirs
    if options.timezone is not None and options.timezone not in zoneinfo.available_timezones():
        raise UsageError.single(
            "MR799", f"`{options.timezone}` is no timezone", help="name an IANA zone: Europe/Berlin"
        )
    return Reading(shape, names, options.timezone)


def posting(store: Store, executions: ExecutionStore, token: str | None) -> PostingParts | None:
    """What takes posted events and triggers, with a reference to the token that lets somebody post.

    Raises CampaignError, UsageError (MR799).
    """
    if token is None:
        return None
    triggers = TriggerIntake(store, executions, Instruments(wall, time.monotonic, _unique))
    return PostingParts(EventIntake(store, Reading(SHAPES["events"])), triggers, resolve_token(token).encode())


def _unique() -> str:
    """A text that nobody else makes. It begins with the time, so that what is kept together stands together in an index."""
    return f"{wall():016x}{secrets.token_hex(8)}"


def resolve_token(reference: str) -> str:
    """A bearer token by reference. Raises CampaignError (MR161), UsageError (MR799) when it fits no header."""
    token = resolve_secret(reference, Path.cwd()).decode("latin-1")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError.single("MR799", f"{reference} is no bearer token", help="one word in ASCII")
    return token


def _open_connector(
    sources: Sequence[str], reading: Reading, options: SourceOptions, stack: ExitStack
) -> tuple[Connector, str | None]:
    """The connector, and what its cursor is kept under where it has one."""
    first = sources[0]
    kind, colon, rest = first.partition(":")
    alone = first == "-" or (colon and kind in ("http", "https", "drop"))
    if alone and len(sources) > 1:
        raise UsageError.single("MR799", f"`{first}` is read alone", help="several sources at once are files")
    if first == "-":
        return StreamConnector(STANDARD_INPUT, reading, options.format), None
    if alone and kind == "drop":
        folder = DropFolder(Path(rest), reading, options.format, wall)
        return folder, folder.name
    if alone:
        _check_url(first, options)
        client = PageClient(None if options.token is None else resolve_token(options.token))
        stack.callback(client.close)
        return HttpPages(first, reading, options.paging, client), first
    return FileConnector(sources, reading, options.format), None


def _check_url(text: str, options: SourceOptions) -> None:
    """Raises UsageError (MR799): an address that is none, holds a password, or would carry the token in the clear."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as fault:
        raise UsageError.single("MR799", f"the address cannot be used: {fault}") from fault
    if not url.host or url.userinfo:
        raise UsageError.single("MR799", f"{place(url)} names no host, or holds a password", help="--token env:NAME")
    if url.scheme == "http" and options.token is not None and not is_loopback(url.host):
        raise UsageError.single("MR799", f"{place(url)} would carry the token in the clear", help="https://")
