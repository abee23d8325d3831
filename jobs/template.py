"""``mailray template``: the versions of a campaign's templates, which are kept in its folder."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from jobs.console import out, print_json
from jobs.options import CampaignFolder, Json, Now, instant

if TYPE_CHECKING:
    from engine.templates.catalogue import Version

SHOWN = 12  # digits of a hash, for people

app = typer.Typer(name="template", help="Publish, compare and roll back a campaign's templates.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="TEMPLATE", help="The template, as the workflow names it.")]
Author = Annotated[str | None, typer.Option("--author", metavar="NAME", help="Who does it; the login name if absent.")]
Note = Annotated[str, typer.Option("--note", "-m", metavar="TEXT", help="Why.")]
SomeVersion = Annotated[
    str | None,
    typer.Argument(
        metavar="[VERSION]", help="A hash or its first six digits or more; the version that holds if absent."
    ),
]


@app.command("publish")
def publish(
    folder: CampaignFolder, note: Note = "", author: Author = None, now: Now = None, json: Json = False
) -> None:
    """Keep all templates of the campaign as they are now; a template that has not changed keeps its version."""
    from engine.assembly.templates import CampaignTemplates

    done = CampaignTemplates(folder).publish(author=author or _login(), at=instant(now), note=note)
    if json:
        print_json({"templates": [{**_as_dict(each.version), "new": each.new} for each in done]})
        return
    for each in done:
        what = "published" if each.new else "unchanged"
        out.print(f"{what}  {each.version.template}  {each.version.digest[:SHOWN]}", markup=False, soft_wrap=True)


@app.command("list")
def list_versions(
    folder: CampaignFolder,
    name: Annotated[str | None, typer.Argument(metavar="[TEMPLATE]", help="One template alone.")] = None,
    json: Json = False,
) -> None:
    """List the publications, oldest first, with the one that holds and the one that the working files are."""
    from engine.assembly.templates import CampaignTemplates

    templates = CampaignTemplates(folder)
    history = templates.history
    versions = history.versions if name is None else history.of(name)
    working = templates.published(history.templates)
    current = {each: history.current(each) for each in history.templates}
    rows = [
        {
            **_as_dict(each),
            "current": each is current[each.template],
            "working": each.digest == working.get(each.template),
        }
        for each in versions
    ]
    if json:
        print_json({"versions": rows})
    elif rows:
        out.print(_listing(rows))
    else:
        out.print("nothing is published yet")


@app.command("show")
def show(folder: CampaignFolder, name: Name, version: SomeVersion = None, json: Json = False) -> None:
    """Print the sources of a published version."""
    from engine.assembly.templates import CampaignTemplates

    found, sources = CampaignTemplates(folder).show(name, version)
    if json:
        print_json({**_as_dict(found), "sources": sources})
        return
    out.print(_title(found), markup=False, soft_wrap=True)
    for file, source in sources.items():
        out.print(f"\n--- {file}", markup=False, soft_wrap=True)
        out.print(source.rstrip("\n"), markup=False, soft_wrap=True)


@app.command("diff")
def diff(
    folder: CampaignFolder,
    name: Name,
    before: SomeVersion = None,
    after: Annotated[
        str | None,
        typer.Argument(metavar="[VERSION]", help="The version to compare with; the working files if absent."),
    ] = None,
    json: Json = False,
) -> None:
    """Say how a published version differs from the working files, or from another version, as a unified diff."""
    from engine.assembly.templates import CampaignTemplates

    text = CampaignTemplates(folder).diff(name, before, after)
    if json:
        print_json({"template": name, "before": before, "after": after, "diff": text})
    elif text and out.is_terminal:
        out.print(Syntax(text, "diff", background_color="default"))
    else:
        out.print(text, end="", markup=False, soft_wrap=True)


@app.command("rollback")
def rollback(
    folder: CampaignFolder,
    name: Name,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A hash or its first six digits or more.")],
    note: Note = "",
    author: Author = None,
    force: Annotated[bool, typer.Option("--force", help="Give up changes that are not published.")] = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Put a version's sources back as the working files, and let it hold again."""
    from engine.assembly.templates import CampaignTemplates

    done = CampaignTemplates(folder).rollback(
        name, version, author=author or _login(), at=instant(now), note=note, force=force
    )
    if json:
        changes = {"written": done.written, "removed": done.removed, "also": done.also}
        print_json({**_as_dict(done.version), **changes})
        return
    out.print(f"{name} is {done.version.digest[:SHOWN]} again", markup=False, soft_wrap=True)
    for what, files in (("written", done.written), ("removed", done.removed)):
        for file in files:
            out.print(f"  {what}  {file}", markup=False, soft_wrap=True)
    if done.also:
        out.print(f"  {', '.join(done.also)} changed with it: they share files", markup=False, soft_wrap=True)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _as_dict(version: Version) -> dict[str, Any]:
    return {
        "template": version.template,
        "version": version.digest,
        "at": version.at.isoformat(),
        "author": version.author,
        "note": version.note,
        "rollback": version.rollback,
    }


def _title(version: Version) -> str:
    note = f": {version.note}" if version.note else ""
    return f"{version.template} {version.digest[:SHOWN]}, {version.at:%Y-%m-%d %H:%M %Z} by {version.author}{note}"


def _listing(rows: Iterable[dict[str, Any]]) -> Table:
    table = Table("template", "version", "published", "author", "note", "", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        marks = [mark for mark in ("current", "working", "rollback") if row[mark]]
        cells = (row["template"], row["version"][:SHOWN], row["at"][:16].replace("T", " "), row["author"], row["note"])
        table.add_row(*(escape(each) for each in cells), ", ".join(marks))
    return table
