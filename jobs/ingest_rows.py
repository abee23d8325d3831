"""``mailray ingest events`` and ``mailray ingest customers``: rows from files, streams, folders and other systems into the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.errors import UsageError, did_you_mean
from jobs.console import err, out, print_counts, print_json
from jobs.options import Json

SECONDS_BETWEEN_LINES = 5.0
UNTAKEN = 1  # the exit code when rows or files were refused

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...", help="Files, - for standard input, drop:FOLDER, or the https:// address of a CRM's pages."
    ),
]
Format = Annotated[
    str | None, typer.Option(metavar="NAME", help="parquet, csv or jsonl, where a name does not tell it.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="OURS=THEIRS", help="What a column of ours is called there; repeatable."),
]
Timezone = Annotated[
    str | None, typer.Option(metavar="ZONE", help="Whose the times without an offset are; without it they are refused.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Keep nothing when any row cannot be taken.")]
Rejects = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Where refused rows go; below the stores' folder if absent.")
]
Token = Annotated[str | None, typer.Option(metavar="REFERENCE", help="env:NAME or file:PATH of a bearer token.")]
Records = Annotated[str, typer.Option(metavar="PATH", help="Where a page has its rows: `data.items`.")]
Next = Annotated[
    str | None,
    typer.Option("--next", metavar="PATH", help="Where a page has the next one's address, if not in its Link header."),
]
CursorName = Annotated[
    str | None,
    typer.Option("--cursor", metavar="NAME", help="What stands at --next is a cursor: the parameter for it."),
]
Every = Annotated[
    float | None, typer.Option(min=0.1, metavar="SECONDS", help="Look again so often, until interrupted.")
]


def events(
    sources: Sources,
    format: Format = None,
    column: Columns = None,
    timezone: Timezone = None,
    strict: Strict = False,
    rejects: Rejects = None,
    token: Token = None,
    records: Records = "",
    next_page: Next = None,
    cursor: CursorName = None,
    every: Every = None,
    json: Json = False,
) -> None:
    """Take in engagement and customer events; one that is told again is known by its id."""
    options = _options(format, column, timezone, token, records, next_page, cursor)
    _ingest("events", sources, options, strict, rejects, every, json)


def customers(
    sources: Sources,
    format: Format = None,
    column: Columns = None,
    timezone: Timezone = None,
    strict: Strict = False,
    rejects: Rejects = None,
    token: Token = None,
    records: Records = "",
    next_page: Next = None,
    cursor: CursorName = None,
    every: Every = None,
    json: Json = False,
) -> None:
    """Take in customers; what is told last of one holds."""
    options = _options(format, column, timezone, token, records, next_page, cursor)
    _ingest("customers", sources, options, strict, rejects, every, json)


def _options(
    format: str | None,
    columns: list[str] | None,
    timezone: str | None,
    token: str | None,
    records: str,
    next_page: str | None,
    cursor: str | None,
) -> Any:
    from engine.adapters.connectors import FORMATS, Paging
    from engine.assembly.events import SourceOptions

    if format is not None and format not in FORMATS:
        raise UsageError.single("MR788", f"`{format}` is no format", help=did_you_mean(format, tuple(FORMATS)))
    return SourceOptions(format, columns or (), timezone, token, Paging(records, next_page, cursor))


def _ingest(
    what: str, sources: list[str], options: Any, strict: bool, rejects: Path | None, every: float | None, json: bool
) -> None:
    from engine.assembly.events import open_ingest
    from engine.assembly.settings import AppSettings

    with open_ingest(AppSettings.load(), what, sources, options, rejects) as opened:
        if every is not None:
            opened.check_repeated()
        if strict:
            opened.check()
        try:
            with _telling(what, quiet=json) as told:
                opened.read(told)
                while every is not None:
                    time.sleep(every)
                    opened.read(told)
        finally:  # what is kept is kept, however the reading ends
            _print(what, opened, json)
    if opened.counts.refused or opened.failed:
        raise typer.Exit(UNTAKEN)


def _print(what: str, opened: Any, json: bool) -> None:
    counts, kept_in = opened.counts, opened.refused.close()
    told = {"read": counts.read, "new" if what == "events" else "changed": counts.changed, "same": counts.same}
    told |= {"refused": counts.refused, "files_failed": opened.failed}
    if json:
        first = [{"source": each.source, "line": each.line, "reason": each.reason} for each in opened.refused.first]
        print_json({**told, "rejects": kept_in, "first_refused": first})
        return
    for each in opened.refused.first:
        err.print(f"warning: {each.source}:{each.line}: {each.reason}", markup=False, soft_wrap=True)
    print_counts(what, told)
    if kept_in is not None:
        out.print(f"refused rows are in {kept_in}", markup=False, soft_wrap=True)


@contextmanager
def _telling(what: str, quiet: bool) -> Iterator[Any]:
    """Who tells of the progress: a line that changes on a terminal, one now and then elsewhere."""
    if quiet or not err.is_terminal:
        told_at = time.monotonic()

        def line(counts: Any) -> None:
            nonlocal told_at
            if not quiet and time.monotonic() - told_at >= SECONDS_BETWEEN_LINES:
                told_at = time.monotonic()
                err.print(_words(what, counts))

        yield line
        return
    with err.status(what) as status:
        yield lambda counts: status.update(_words(what, counts))


def _words(what: str, counts: Any) -> str:
    return f"{what}: {counts.read:,} read, {counts.changed:,} new, {counts.refused:,} refused"
