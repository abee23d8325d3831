"""``mailray resolve``: settle the messages of which nobody knows whether they arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import UsageError
from jobs.console import err, out, print_counts, print_json
from jobs.options import Json, RunPath, Transport


def command(
    run: RunPath,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Delivery keys, as `unknown` prints them.")
    ] = None,
    sent: Annotated[bool, typer.Option("--sent", help="They have arrived.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Give them up.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Send them again, with the next `resume`.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All that `unknown` lists.")] = False,
    reconcile: Annotated[
        bool,
        typer.Option(
            "--reconcile",
            help="Find out, from what came back and from the provider; as the campaign's `reconcile` says when nobody knows.",
        ),
    ] = False,
    transport: Transport = None,
    json: Json = False,
) -> None:
    """Say, or find out, what became of messages in doubt. All keys are settled, or none."""
    from engine.assembly.control import resolve_doubts
    from engine.ledger.states import State

    if reconcile:
        if keys or sent or skip or resend:
            raise UsageError.single("MR004", "--reconcile settles what can be found out, and nothing else")
        _reconcile(run, transport, json=json)
        return
    choices = {State.RESOLVED_SENT: sent, State.RESOLVED_SKIPPED: skip, State.RESOLVED_RESEND: resend}
    chosen = [state for state, asked in choices.items() if asked]
    if len(chosen) != 1:
        raise UsageError.single(
            "MR004", "say what becomes of them", help="exactly one of --sent, --skip, --resend and --reconcile"
        )
    if bool(keys) == everything:
        raise UsageError.single("MR004", "say which messages are meant", help="either delivery keys or --all")
    settled = resolve_doubts(run, None if everything else keys, chosen[0])
    if json:
        print_json({"run": str(run), "resolved": settled, "as": chosen[0].name.lower()})
    else:
        out.print(f"{settled:,} messages: {chosen[0].name.lower().replace('_', ' ')}")


def _reconcile(run: Path, transport: str | None, *, json: bool) -> None:
    from engine.assembly.control import reconcile_doubts
    from engine.assembly.settings import AppSettings

    settled, faults = reconcile_doubts(run, AppSettings.load(transport=transport))
    for each in faults:
        err.print(each.told_as("warning"), markup=False, soft_wrap=True)
    if json:
        print_json({"run": str(run), **settled, "warnings": [each.as_dict() for each in faults]})
    else:
        print_counts("messages in doubt", settled)
