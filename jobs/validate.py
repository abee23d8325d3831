"""``mailray validate``: everything that can be wrong before a run, found without one."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.campaign.load import TEMPLATES_FOLDER
from jobs.console import err, out, print_json
from jobs.explanation import as_dict, print_explanation
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
    from engine.assembly.campaign import open_campaign
    from engine.assembly.explain import explain_campaign
    from engine.assembly.settings import AppSettings

    campaign = open_campaign(folder, instant(now), webhooks_allowed=AppSettings.load().webhooks_allowed)
    definition = campaign.definition
    explained = list(explain_campaign(campaign)) if explain else None
    templates = folder / TEMPLATES_FOLDER
    if json:
        print_json(
            {
                "campaign": definition.campaign.name,
                "valid": True,
                "fingerprint": campaign.fingerprint.digest,
                "columns": definition.audience.names,
                "template_columns": list(definition.fields),
                "warnings": [each.as_dict() for each in campaign.warnings],
                **({} if explained is None else {"templates": [as_dict(each, templates) for each in explained]}),
            }
        )
        return
    for each in campaign.warnings:
        err.print(each.told_as("warning"), markup=False, soft_wrap=True)
    steps, count = len(definition.campaign.workflow), len(campaign.templates)
    out.print(
        f"[green]valid[/]  {definition.campaign.name}: {steps} steps, {count} templates, {len(definition.fields)} columns in them"
    )
    out.print(f"       fingerprint {campaign.fingerprint.digest}", soft_wrap=True)
    for explanation in explained or ():
        print_explanation(explanation, templates)
