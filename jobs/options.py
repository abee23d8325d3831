"""The options that several verbs share, and the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import UsageError


class RunnerName(StrEnum):
    INLINE = "inline"
    RAY = "ray"


CampaignFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The campaign's folder, with campaign.yaml in it.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Now = Annotated[
    str | None, typer.Option("--now", metavar="INSTANT", help="The run's clock (ISO 8601), instead of the present.")
]
RunDir = Annotated[
    Path | None, typer.Option("--run-dir", metavar="DIR", help="The folder of the run; it must not hold one yet.")
]
Transport = Annotated[
    str | None,
    typer.Option(
        "--transport",
        metavar="URL",
        help="smtp://host:port, smtps://, ses:, postmark:, sendgrid:, resend:, https+webhook://host/path, file:///folder or rehearsal:",
    ),
]
NoWait = Annotated[
    bool,
    typer.Option("--no-wait", help="End when nothing can be sent now, though messages are deferred (exit code 1)."),
]
RunnerOption = Annotated[
    RunnerName | None, typer.Option("--runner", help="Where the work is done: on Ray, or in this process.")
]
Address = Annotated[
    str | None, typer.Option("--address", metavar="ADDRESS", help="A Ray cluster; a local one is started if absent.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Send no more than N messages; the rest is skipped.")
]
PartitionRows = Annotated[
    int | None, typer.Option("--partition-rows", min=1, metavar="N", help="Rows a partition, rounded up to blocks.")
]


def instant(text: str | None, option: str = "--now") -> datetime:
    """The instant that an option names, or the present. Raises UsageError."""
    if text is None:
        return datetime.now(UTC)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError.single(
            "MR001", f"{option} `{text}` is not an instant", help="write 2026-03-01T09:00:00+00:00"
        ) from None
    if parsed.tzinfo is None:
        raise UsageError.single(
            "MR001", f"{option} `{text}` has no time zone", help="end it with Z or an offset such as +01:00"
        )
    return parsed.astimezone(UTC)
