"""``mailray preview``: the message of one recipient, as it would be sent."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import out, print_json
from jobs.options import CampaignFolder, Json, Now, instant


def command(
    folder: CampaignFolder,
    recipient: Annotated[str, typer.Option("--recipient", metavar="KEY", help="The recipient's key.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where to write the messages.")] = Path("preview"),
    show: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the first message in a browser, if there is one.")
    ] = True,
    now: Now = None,
    json: Json = False,
) -> None:
    """Write what a recipient would get, as .eml and .html. Somebody who is not eligible is shown what they would get if they were."""
    from engine.assembly.campaign import open_campaign
    from engine.assembly.preview import preview

    found = preview(open_campaign(folder, instant(now)), recipient, to)
    if json:
        print_json(
            {
                "recipient": recipient,
                "verdict": found.verdict,
                "messages": [
                    {"step": each.step, "template": each.template, "subject": each.subject, "file": str(each.eml)}
                    for each in found.messages
                ],
                "faults": dict(found.faults),
            }
        )
    else:
        out.print(f"verdict: {found.verdict.replace('_', ' ')}")
        for each in found.messages:
            out.print(f"  {each.step}: {each.subject}\n    {each.eml}\n    {each.html}", soft_wrap=True, markup=False)
        for step, reason in found.faults.items():
            out.print(f"  {step}: cannot be made into a message: {reason}", soft_wrap=True, markup=False)
        if not found.messages and not found.faults:
            out.print("  the workflow sends this recipient nothing")
    if show and not json and found.messages:
        webbrowser.open(found.messages[0].html.absolute().as_uri())
