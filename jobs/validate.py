"""``mailray validate``: everything that can be wrong before a run, found without one."""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.console import out, print_json
from jobs.options import CampaignFolder, Json, Now, instant


def command(
    folder: CampaignFolder,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say how each template is compiled, and what that costs.")
    ] = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Check a campaign as a whole: its file, its templates, its conditions, and its audience's columns."""
    from engine.assembly import open_campaign

    campaign = open_campaign(folder, instant(now))
    definition = campaign.definition
    explained = campaign.explain() if explain else None
    if json:
        print_json(
            {
                "campaign": definition.campaign.name,
                "valid": True,
                "fingerprint": campaign.fingerprint.digest,
                "columns": definition.audience.names,
                "template_columns": list(definition.fields),
                **({"templates": explained} if explained is not None else {}),
            }
        )
        return
    steps, templates = len(definition.campaign.workflow), len(campaign.loaded.templates)
    out.print(
        f"[green]valid[/]  {definition.campaign.name}: {steps} steps, {templates} templates, {len(definition.fields)} columns in them"
    )
    out.print(f"       fingerprint {campaign.fingerprint.digest}", soft_wrap=True)
