"""``mailray ingest``: reads what came back by mail, and what others know of customers."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Annotated, Any

import typer

from jobs import ingest_rows
from jobs.console import out, print_counts, print_json
from jobs.options import Json
from jobs.serve import FormerSecret

app = typer.Typer(name="ingest", help="Read bounces, events and customers into the stores.", no_args_is_help=True)
app.command("events")(ingest_rows.events)
app.command("customers")(ingest_rows.customers)


@app.command("bounces")
def bounces(
    mailbox: Annotated[str, typer.Argument(metavar="MAILBOX", help="A Maildir, or imaps://user@host/INBOX.")],
    password: Annotated[
        str | None, typer.Option(metavar="REFERENCE", help="env:NAME or file:PATH of the IMAP password.")
    ] = None,
    only_ours: Annotated[
        bool,
        typer.Option("--only-ours", help="Believe only mails that show a message of ours; others are left unread."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what each mail says; keep nothing and mark nothing as read.")
    ] = False,
    former_secret: FormerSecret = None,
    json: Json = False,
) -> None:
    """Read bounces and complaints that are unread, and withdraw addresses that are dead or complained.

    A mail that is neither is left unread, for a person to see.
    """
    from engine.assembly.feedback import open_feedback, open_mailbox
    from engine.assembly.settings import AppSettings
    from engine.assembly.wall_clock import wall

    counts: Counter[str] = Counter(mails=0, events=0, new=0, ours=0, not_ours=0)
    kinds: Counter[str] = Counter()
    told: list[dict[str, Any]] = []
    with (
        open_feedback(AppSettings.load(), former_secret or ()) as feedback,
        closing(open_mailbox(mailbox, password)) as box,
    ):
        reader = feedback.bounces
        for mail in box.unread():
            read = reader.read(mail.raw, wall())
            counts.update(mails=1, events=len(read.events))
            counts["ours" if read.delivery else "not_ours"] += 1
            kinds.update(each.kind.value for each in read.reading.findings)
            if dry_run:
                told.append(_as_dict(mail.name, read))
            elif read.events and (read.delivery is not None or not only_ours):
                counts["new"] += feedback.intake.take(read.events)
                box.mark_read(mail)
    if json:
        print_json({**counts, "kinds": dict(kinds), **({"read": told} if dry_run else {})})
    else:
        _print(counts, kinds, told)


def _print(counts: Counter[str], kinds: Counter[str], told: list[dict[str, Any]]) -> None:
    for each in told:
        for finding in each["findings"] or [{}]:
            words = (
                each["mail"],
                each["form"],
                *(finding.get(name, "") for name in ("kind", "address", "status", "reason")),
            )
            out.print("  ".join(word for word in words if word), markup=False, soft_wrap=True)
    print_counts("mails", counts)
    print_counts("what they say", kinds)


def _as_dict(name: str, read: Any) -> dict[str, Any]:
    return {
        "mail": name,
        "form": read.reading.form,
        "ours": read.delivery is not None,
        "findings": [
            {
                "kind": each.kind.value,
                "address": each.address,
                "original": each.original,
                "status": each.status,
                "reason": each.reason,
            }
            for each in read.reading.findings
        ],
    }
