"""``mailray doctor``: is everything there that a run needs?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import out, print_json
from jobs.options import Address, Json, Transport, instant

if TYPE_CHECKING:
    from engine.assembly.doctor import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def command(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A campaign, whose surroundings are looked at too.")
    ] = None,
    transport: Transport = None,
    address: Address = None,
    json: Json = False,
) -> int:
    """Look at Ray, disk, ledger, store and Redis.

    For a campaign, look at its secret, transport, certificate, clock, DNS records and audience too.

    Exit code 1 when something fails; a warning stops nothing.
    """
    from engine.assembly.campaign import open_campaign
    from engine.assembly.doctor import Finding, examine
    from engine.assembly.settings import AppSettings
    from engine.delivery.alignment import Level
    from engine.errors import ServiceError

    settings = AppSettings.load(transport=transport, address=address)
    campaign, away = None, []
    if folder is not None:
        try:
            campaign = open_campaign(folder, instant(None))
        except ServiceError as fault:  # its database; the rest is looked at all the same
            told = fault.diagnostics[0]
            away.append(Finding("audience", Level.FAIL, told.message, told.help or ""))
    findings = [*examine(settings, campaign), *away]
    if json:
        print_json({"findings": [_as_dict(each) for each in findings]})
    else:
        for each in findings:
            out.print(f"[{COLOURS[each.level]}]{each.level:4}[/]  {each.name}: ", end="")
            out.print(
                each.detail + (f": {each.help}" if each.help and each.level != "ok" else ""),
                markup=False,
                soft_wrap=True,
            )
    return 0 if all(each.ok for each in findings) else 1


def _as_dict(finding: Finding) -> dict[str, object]:
    return {
        "name": finding.name,
        "ok": finding.ok,
        "level": finding.level.value,
        "detail": finding.detail,
        "help": finding.help,
    }
