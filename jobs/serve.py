"""``mailray serve``: takes what recipients' programs and providers send back, and events and triggers that other programs post."""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.console import err, out, print_json
from jobs.options import Json

FormerSecret = Annotated[
    list[str] | None,
    typer.Option(
        "--former-secret",
        metavar="REFERENCE",
        help="env:NAME or file:PATH of a secret that signed earlier mail; repeatable.",
    ),
]


def command(
    host: Annotated[
        str, typer.Option(help="The address to listen on; a proxy with TLS stands before it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 is any free one.")] = 8080,
    hook: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROVIDER=REFERENCE",
            help="Take a provider's webhook at /hooks/PROVIDER: postmark=env:NAME, sendgrid=, resend=, ses=TOPIC_ARN; repeatable.",
        ),
    ] = None,
    former_secret: FormerSecret = None,
    events_token: Annotated[
        str | None,
        typer.Option(
            metavar="REFERENCE",
            help="Take events at /events, and triggers at /workflows/NAME/trigger, from whoever bears this token: env:NAME or file:PATH.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Take unsubscriptions, opens, clicks, webhooks, events and triggers, until interrupted."""
    from engine.adapters.web import HttpServer, feedback_application
    from engine.assembly.feedback import open_feedback, open_webhooks
    from engine.assembly.settings import AppSettings

    with open_feedback(AppSettings.load(), former_secret or ()) as feedback:
        webhooks = open_webhooks(hook or (), feedback.rules)
        feedback.deliveries.look_for_runs()
        for run, reason in feedback.deliveries.faults.items():
            err.print(f"warning: messages of {run} cannot be found: {reason}", markup=False)
        parts = feedback.parts(webhooks, events_token)
        with HttpServer(feedback_application(parts), host, port) as server, feedback.indexing():
            address = f"http://{host}:{server.port}"
            if json:
                print_json({"url": address, "hooks": [f"{address}/hooks/{each.name}" for each in webhooks]})
            else:
                out.print(f"{address}   Ctrl-C ends it.", markup=False)
            server.run()
