"""``mailray doctor``: is everything there that a run needs?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.console import out, print_json
from jobs.options import Address, Json, Transport, instant


def command(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A campaign, whose surroundings are looked at too.")
    ] = None,
    transport: Transport = None,
    address: Address = None,
    json: Json = False,
) -> int:
    """Look at Ray, disk and ledger and, for a campaign, at its secret, transport and audience. Exit code 1 when something is wrong."""
    from engine.assembly.campaign import open_campaign
    from engine.assembly.doctor import examine
    from engine.assembly.settings import AppSettings

    settings = AppSettings.load(transport=transport, address=address)
    campaign = None if folder is None else open_campaign(folder, instant(None))
    findings = list(examine(settings, campaign))
    if json:
        print_json({"findings": [{"name": each.name, "ok": each.ok, "detail": each.detail} for each in findings]})
    else:
        for each in findings:
            out.print(f"[{'green' if each.ok else 'red'}]{'ok ' if each.ok else 'BAD'}[/]  {each.name}: ", end="")
            out.print(each.detail, markup=False, soft_wrap=True)
    return 0 if all(each.ok for each in findings) else 1
