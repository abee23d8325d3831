"""``mailray unknown``: the messages of which nobody knows whether they arrived."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.console import out, print_json
from jobs.options import Json, RunPath

if TYPE_CHECKING:
    from engine.pipeline.settle import Doubt


def command(
    run: RunPath,
    addresses: Annotated[bool, typer.Option("--addresses", help="Show the recipients' addresses.")] = False,
    json: Json = False,
) -> None:
    """List a run's messages in doubt, one a line: delivery key, step, attempt, instant, cause, and what came back of it.

    `mailray resolve` settles them.
    """
    from engine.assembly.control import doubts

    found = doubts(run)
    if json:
        print_json({"run": str(run), "unknown": [_as_dict(each, addresses) for each in found]})
        return
    for each in found:
        out.print("  ".join(map(str, _as_dict(each, addresses).values())), markup=False, soft_wrap=True)


def _as_dict(doubt: Doubt, addresses: bool) -> dict[str, object]:
    values = asdict(doubt)
    values["at"] = datetime.fromtimestamp(doubt.at / 1_000_000, UTC).isoformat(timespec="milliseconds")
    if not addresses:
        del values["address"]
    return values
