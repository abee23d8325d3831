"""``mailray``: one verb a module. Exit codes are those of ``engine.errors``."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from typing import Annotated

# Ray would start each worker through `uv run` and build a second environment; this must be set before ray is imported.
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

import typer

from engine.errors import MailrayError
from jobs import (
    automate,
    cancel,
    doctor,
    executions,
    inbox,
    ingest,
    init,
    ledger,
    pause,
    plan,
    preview,
    report,
    resolve,
    resume,
    run,
    schema,
    serve,
    simulate,
    status,
    suppress,
    template,
    unknown,
    validate,
    workflow,
)
from jobs.console import err, print_json

INTERRUPTED = 130

app = typer.Typer(
    name="mailray",
    help="Email-automation campaigns over very large audiences, on Ray.",
    epilog="Exit codes: 0 done, 1 finished with failed messages, 2 usage, 64 to 78 what is wrong (docs/errors.md), 130 interrupted. "
    "--debug shows the traceback of a fault.",
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
VERBS = (
    init, validate, schema, preview, plan, simulate,
    run, pause, resume, cancel, status, unknown, resolve, report, inbox, serve, automate, doctor,
)  # fmt: skip
for verb in VERBS:
    app.command(verb.__name__.rpartition(".")[2])(verb.command)
app.add_typer(template.app, name="template")
app.add_typer(ledger.app, name="ledger")
app.add_typer(suppress.app, name="suppress")
app.add_typer(ingest.app, name="ingest")
app.add_typer(executions.app, name="executions")
app.add_typer(workflow.app, name="workflow")


@app.callback()
def version_option(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(importlib.metadata.version("mailray"))
        raise typer.Exit


def main() -> None:
    """Run the command line; a fault is told in its own words, and never as a traceback unless ``--debug`` is given."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    sys.exit(run_guarded(arguments, debug=debug))


def run_guarded(arguments: list[str], *, debug: bool) -> int:
    try:
        return app(arguments, standalone_mode=False) or 0
    except MailrayError as fault:
        if debug:
            raise
        if "--json" in arguments:
            print_json({"errors": [each.as_dict() for each in fault.diagnostics], "exit_code": fault.exit_code})
        err.print(str(fault), markup=False, soft_wrap=True)
        return fault.exit_code
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        err.print("interrupted")
        return INTERRUPTED
    except Exception as fault:
        return _told_otherwise(fault, debug=debug)


def _told_otherwise(fault: Exception, *, debug: bool) -> int:
    """Usage faults of the command line's own library, and faults of ours."""
    show = getattr(fault, "show", None)
    if show is not None:
        show()
        return int(getattr(fault, "exit_code", 2))
    if debug:
        raise fault
    err.print(f"error[MR900]: a fault in mailray itself: {type(fault).__name__}", markup=False)
    err.print("   = help: run it again with --debug and report what it prints")
    return 70


if __name__ == "__main__":
    main()
