"""``mailray resume``: go on with a run that was stopped or killed."""

from __future__ import annotations

from jobs.console import out, print_json
from jobs.options import Address, Json, NoWait, RunnerOption, RunPath, Transport
from jobs.progress import watching


def command(
    run: RunPath,
    transport: Transport = None,
    runner: RunnerOption = None,
    address: Address = None,
    no_wait: NoWait = False,
    json: Json = False,
) -> int:
    """Finish what is left of a run: what was planned and not sent, and what was deferred, when it is due."""
    from engine.assembly.run import reopen_run
    from engine.assembly.settings import AppSettings
    from jobs.execute import check_runner, execute, exit_code
    from jobs.summaries import print_run

    settings = AppSettings.load(runner=runner, address=address, transport=transport)
    check_runner(settings)
    opened = reopen_run(run, settings)
    if opened.live:
        opened.control.lift()
        if json:
            print_json({"run": str(opened.folder.path), "lifted": True})
        else:
            out.print("The automation goes on with it, now or when it is started.")
        return 0
    with watching(json) as observer:
        summary = execute(opened, settings, observer, deliver=True, wait=not no_wait)
    if json:
        print_json(summary)
    else:
        print_run(summary)
    return exit_code(summary)
