"""``mailray run``: plan a campaign and deliver it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from jobs.console import print_json
from jobs.options import (
    Address,
    CampaignFolder,
    Json,
    Limit,
    Now,
    NoWait,
    PartitionRows,
    RunDir,
    RunnerOption,
    Transport,
    instant,
)
from jobs.progress import watching


def command(
    folder: CampaignFolder,
    run_dir: RunDir = None,
    transport: Transport = None,
    runner: RunnerOption = None,
    address: Address = None,
    limit: Limit = None,
    partition_rows: PartitionRows = None,
    now: Now = None,
    no_wait: NoWait = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before mail leaves this machine.")] = False,
    json: Json = False,
) -> int:
    """Select, plan, render and send, until each message has come to its end; exit code 1 when messages failed."""
    from engine.assembly.campaign import open_campaign
    from engine.assembly.run import create_run
    from engine.assembly.settings import AppSettings, leaves_machine
    from jobs.execute import check_runner, execute, exit_code
    from jobs.summaries import print_run

    settings = AppSettings.load(runner=runner, address=address, transport=transport)
    campaign = open_campaign(folder, instant(now), partition_rows)
    url = settings.transport or campaign.campaign.delivery.transport
    if leaves_machine(url) and not yes and sys.stdin.isatty():
        typer.confirm(f"Send {campaign.campaign.name} through {url.split('@')[-1]}?", abort=True)
    check_runner(settings)
    opened = create_run(
        campaign, run_dir or settings.new_run_folder(campaign.campaign.name, campaign.definition.now), settings, limit
    )
    with watching(json) as observer:
        summary = execute(opened, settings, observer, deliver=True, wait=not no_wait)
    if json:
        print_json(summary)
    else:
        print_run(summary)
    return exit_code(summary)
