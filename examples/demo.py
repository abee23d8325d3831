"""``make demo``: the example campaign, for all its 64,000 customers, over real SMTP to an inbox on this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from engine.adapters.inbox import BackgroundInbox, InboxSettings

CAMPAIGN = Path(__file__).parent / "spring_menswear"
RUN = Path("runs/demo")


def main() -> int:
    """Run the demo in a fresh ``runs/demo`` and say where everything is; the exit code is that of the run."""
    shutil.rmtree(RUN, ignore_errors=True)
    messages = RUN.with_name("demo-messages")
    shutil.rmtree(messages, ignore_errors=True)
    with BackgroundInbox(InboxSettings(folder=messages, keep_first=25)) as inbox:
        mailray = [sys.executable, "-m", "jobs.cli"]
        run = subprocess.run(
            [
                *mailray,
                "run",
                str(CAMPAIGN),
                "--run-dir",
                str(RUN),
                "--transport",
                f"smtp://127.0.0.1:{inbox.port}",
                "--yes",
            ],
            check=False,
        )
        received = inbox.counts.accepted
    report = subprocess.run([*mailray, "report", str(RUN)], check=False, capture_output=True, text=True)
    sys.stdout.write(
        f"\nthe inbox received {received:,} messages; the first {len(list(messages.glob('*.eml')))} are in {messages}\n"
        f"report: {report.stdout.strip()}\n"
    )
    return run.returncode or report.returncode


if __name__ == "__main__":
    sys.exit(main())
