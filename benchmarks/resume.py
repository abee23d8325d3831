"""How long a killed run takes from `mailray resume` to the first message that arrives, when its ledger has a million messages.

    python -m benchmarks.resume [--messages 1000000] [--left 2000] [--times 3] [--runner inline] [--folder .]

A run is begun and killed with SIGKILL at its first message. Then its ledger is filled through the ledger's own interface, as a
delivery would have: an intent and an outcome for each message but the last of the last partition, of which some have an open
intent; whoever fills it is killed too. The clock runs from the start of the command's process, so Python's own start counts. Each
time the run is killed again at its first message. With MAILRAY_LEDGER set to a database, the ledger is there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.adapters.inbox import BackgroundInbox, InboxSettings
from engine.adapters.stores.ledger_archive import LedgerArchive
from engine.adapters.stores.plan_files import PlanFiles
from engine.adapters.stores.run_folder import RunFolder
from engine.assembly.ledger import open_ledger
from engine.ledger.contract import PartitionLedger
from engine.ledger.entries import Entry
from engine.ledger.states import SENDABLE, State
from engine.pipeline.closing import close_partition
from jobs import init

GROUP = 8  # entries of a kind in a batch: what a delivery with eight connections writes
OPEN = 8  # intents without an outcome
LEASE = 600_000_000  # microseconds
SECONDS = 300.0


def campaign(folder: Path, messages: int) -> Path:
    """The campaign that `mailray init` makes, with so many recipients who all get a message."""
    made = folder / "campaign"
    init.command(made)
    with (made / "customers.csv").open("w", encoding="utf-8") as file:
        file.write("customer_id,first_name,email,subscribed,orders\n")
        file.writelines(f"c{n},Name{n % 97},n{n}@example.com,true,{n % 4}\n" for n in range(messages))
    path = made / "campaign.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("percent: 10", "percent: 0"), encoding="utf-8")
    return made


def until_first_message(inbox: BackgroundInbox, command: list[str]) -> float:
    """Seconds from the command's start to the first message that arrives; then it is killed, and all that it has started."""
    before, start = inbox.counts.accepted, time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", *command, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        while inbox.counts.accepted == before:
            if process.poll() is not None:
                raise RuntimeError(f"the command has ended with {process.returncode}: {process.communicate()}")
            if time.perf_counter() - start > SECONDS:
                os.killpg(process.pid, signal.SIGKILL)
                raise TimeoutError("no message has arrived")
            time.sleep(0.002)
        took = time.perf_counter() - start
        os.killpg(process.pid, signal.SIGKILL)
    return took


def fill(run: Path, left: int) -> None:
    """Write what a delivery would have written of all messages but the last ``left`` ones, and die."""
    folder, plans = RunFolder(run), PlanFiles(run)
    ledger, archive = open_ledger(folder), LedgerArchive(folder.ledger)
    numbers = plans.partitions()
    for number in numbers:
        partition = ledger.partition(number)
        now = time.time_ns() // 1_000
        partition.claim("filling", now, now + LEASE)
        partition.plan(plans.keys(number), now)
        if number == numbers[-1]:
            _fill(partition, now, left)
        else:
            _fill(partition, now, 0)
            close_partition(number, partition, archive)
            partition.close()
    os.kill(os.getpid(), signal.SIGKILL)


def _fill(partition: PartitionLedger, now: int, left: int) -> None:
    standing = partition.replay()
    intended = [Entry(row, State.UNKNOWN.value, 1, now) for row in standing.rows(State.INTENT).tolist()]
    rows = standing.rows(*SENDABLE).tolist()
    for start in range(0, len(rows) - left, GROUP):
        few = rows[start : min(start + GROUP, len(rows) - left)]
        partition.append([*intended, *(Entry(row, State.INTENT.value, 1, now) for row in few)], now + LEASE)
        intended = [_accepted(row, now) for row in few]
    opened = [Entry(row, State.INTENT.value, 1, now) for row in rows[len(rows) - left :][:OPEN]]
    partition.append([*intended, *opened], now + LEASE)


def _accepted(row: int, now: int) -> Entry:
    return Entry(row, State.ACCEPTED.value, 1, now, 0, 0, 250, "2.0.0", "accepted", f"{row:010X}")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.resume")
    arguments.add_argument("--messages", type=int, default=1_000_000)
    arguments.add_argument(
        "--left", type=int, default=2_000, help="messages that are not sent yet, of the last partition"
    )
    arguments.add_argument("--times", type=int, default=3)
    arguments.add_argument("--runner", choices=("inline", "ray"), default="inline")
    arguments.add_argument("--folder", type=Path, default=Path(), help="where the run stands; a real disk")
    options = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as made,
        BackgroundInbox(InboxSettings(keep=0, keep_first=0)) as inbox,
    ):
        folder = Path(made).resolve()
        to = ["--transport", f"smtp://127.0.0.1:{inbox.port}", "--runner", options.runner]
        run = folder / "run"
        begun = until_first_message(inbox, ["run", str(campaign(folder, options.messages)), "--run-dir", str(run), *to])
        print(f"begun, planned and killed at the first message after {begun:.1f} s")
        filling = multiprocessing.get_context("spawn").Process(target=fill, args=(run, options.left))
        filling.start()
        filling.join()
        if filling.exitcode != -signal.SIGKILL:
            raise RuntimeError("the ledger was not filled")
        took = [until_first_message(inbox, ["resume", str(run), *to]) for _ in range(options.times)]
        shown = ", ".join(f"{each:.1f}" for each in took)
        print(
            f"{options.messages:,} messages in the ledger, {options.left:,} to send: first message {shown} s after `mailray resume`"
        )
        print(f"median {statistics.median(took):.1f} s, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
