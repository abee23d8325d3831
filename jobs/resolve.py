"""``mailray resolve``: settle the messages of which nobody knows whether they arrived."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import UsageError
from jobs.console import out, print_json
from jobs.options import Json, RunPath


def command(
    run: RunPath,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Delivery keys, as `unknown` prints them.")
    ] = None,
    sent: Annotated[bool, typer.Option("--sent", help="They have arrived.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Give them up.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Send them again, with the next `resume`.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All that `unknown` lists.")] = False,
    json: Json = False,
) -> None:
    """Say what became, or is to become, of messages in doubt. All keys are settled, or none."""
    from engine.assembly.control import resolve_doubts
    from engine.ledger.states import State

    choices = {State.RESOLVED_SENT: sent, State.RESOLVED_SKIPPED: skip, State.RESOLVED_RESEND: resend}
    chosen = [state for state, asked in choices.items() if asked]
    if len(chosen) != 1:
        raise UsageError.single("MR004", "say what becomes of them", help="exactly one of --sent, --skip and --resend")
    if bool(keys) == everything:
        raise UsageError.single("MR004", "say which messages are meant", help="either delivery keys or --all")
    settled = resolve_doubts(run, None if everything else keys, chosen[0])
    if json:
        print_json({"run": str(run), "resolved": settled, "as": chosen[0].name.lower()})
    else:
        out.print(f"{settled:,} messages: {chosen[0].name.lower().replace('_', ' ')}")
