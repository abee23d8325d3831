"""``mailray inbox``: a local receiving SMTP server with a page, to try campaigns on."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import err, out, print_json
from jobs.options import Json

if TYPE_CHECKING:
    from engine.adapters.inbox import BackgroundInbox

PORT, WEB_PORT = 2525, 8025
Fraction = Annotated[float, typer.Option(min=0, max=1, metavar="FRACTION")]


def command(
    host: Annotated[
        str, typer.Option(help="The address to listen on; loopback, so that nobody else can reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="SMTP port; 0 is any free one.")] = PORT,
    web_port: Annotated[int, typer.Option(help="The page's port; 0 is any free one.")] = WEB_PORT,
    keep: Annotated[int, typer.Option(min=1, help="How many of the last messages are kept and listed.")] = 200,
    folder: Annotated[Path | None, typer.Option(help="Keep the first messages as .eml files here.")] = None,
    keep_first: Annotated[int, typer.Option(min=0, help="How many .eml files.")] = 25,
    temporary: Fraction = 0.0,
    permanent: Fraction = 0.0,
    closing: Fraction = 0.0,
    drop_before_dot: Fraction = 0.0,
    drop_after_dot: Fraction = 0.0,
    seed: Annotated[int, typer.Option(help="Draws who meets a fault.")] = 0,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    json: Json = False,
) -> None:
    """Receive mail until interrupted. The fractions are of recipients for whom something goes wrong on purpose."""
    from engine.adapters.inbox import BackgroundInbox, Faults, InboxSettings

    faults = Faults(
        seed=seed,
        temporary=temporary,
        permanent=permanent,
        closing=closing,
        drop_before_dot=drop_before_dot,
        drop_after_dot=drop_after_dot,
    )
    settings = InboxSettings(
        host=host, port=port, web_port=web_port, keep=keep, folder=folder, keep_first=keep_first, faults=faults
    )
    with BackgroundInbox(settings) as inbox:
        page = f"http://{host}:{inbox.web_port}/"
        if json:
            print_json({"smtp": f"smtp://{host}:{inbox.port}", "page": page})
        else:
            out.print(f"[bold]smtp://{host}:{inbox.port}[/]   {page}\nCtrl-C ends it.")
        if show:
            webbrowser.open(page)
        try:
            _watch(inbox)
        except KeyboardInterrupt:
            err.print(f"received {inbox.counts.accepted:,} messages")


def _watch(inbox: BackgroundInbox) -> None:
    with err.status("waiting for mail") as status:
        while True:
            counts = inbox.counts
            refused = counts.refused_temporary + counts.refused_permanent
            status.update(f"{counts.accepted:,} received, {refused:,} refused, {counts.connections:,} connections")
            time.sleep(0.5)
