"""Delivery workers, drivers and whole Ray nodes are killed again and again; nobody is lost, and nobody gets it twice unless asked."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from engine.adapters.inbox import BackgroundInbox, read_log
from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.assembly.archive import verify_ledger
from engine.delivery.identity import message_ids
from engine.ledger.states import State

ROOT = Path(__file__).parents[2]
KILLS = 30
LIVES = 100  # of a driver, at most; a machine on which more are needed does not come on
ENDS = (0, 1, 69, 75, -6, -9, -15)
NOW = "2026-03-01T09:00:00+00:00"


def driver(process: psutil.Process) -> list[psutil.Process]:
    return [process]


def node(process: psutil.Process) -> list[psutil.Process]:
    """All that a node runs: its raylet and every worker. The driver outlives it."""
    alive = (each for each in process.children() if each.status() != psutil.STATUS_ZOMBIE)
    raylet = next((each for each in alive if each.name() == "raylet"), None)
    return [] if raylet is None else [raylet, *raylet.children(recursive=True)]


def worker(process: psutil.Process) -> list[psutil.Process]:
    return [each for each in process.children(recursive=True) if _title(each).startswith("ray::DeliveryActor")][:1]


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


@dataclass
class Chaos:
    """Starts the command, kills what ``target`` finds of it, and starts it again until the run has come to its end."""

    run: Path
    campaign: Path
    inbox: BackgroundInbox
    target: Callable[[psutil.Process], list[psutil.Process]]
    luck: random.Random
    kills: int = 0

    def until_done(self) -> dict[str, Any]:
        for _ in range(LIVES):
            with self._command() as process:
                if self.kills < KILLS:
                    self._kill_on_the_way(process)
                out, err = process.communicate(timeout=600)
            # Ray itself ends a process with 1, without a word, when its node dies.
            if out and process.returncode in (0, 1):
                assert self.kills >= KILLS, "it was done before it was killed often enough"
                return dict(json.loads(out))
            assert process.returncode in ENDS, err.decode()
        raise AssertionError("the run never comes to its end")

    def _command(self) -> subprocess.Popen[bytes]:
        begun = (self.run / "manifest.json").exists()
        what = ["resume", self.run] if begun else ["run", self.campaign, "--run-dir", self.run, "--now", NOW]
        transport = ["--transport", f"smtp://127.0.0.1:{self.inbox.port}"]
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAILRAY_", "RAY_ADDRESS"))}
        return subprocess.Popen(
            [sys.executable, "-m", "jobs.cli", *what, "--runner", "ray", *transport, "--json"],
            cwd=self.run.parent,
            env={**ours, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _kill_on_the_way(self, process: subprocess.Popen[bytes]) -> None:
        """Kill at a random moment of the sending, and again if the command survives that."""
        while process.poll() is None and self.kills < KILLS:
            goal = self.inbox.counts.accepted + self.luck.randrange(1, 400)
            while process.poll() is None and self.inbox.counts.accepted < goal:
                time.sleep(0.005)
            with contextlib.suppress(psutil.Error):
                victims = self.target(psutil.Process(process.pid))
                self.kills += bool(victims)
                for victim in victims:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        victim.kill()


@pytest.mark.soak
@pytest.mark.parametrize("policy", ["skip", "resend"])
@pytest.mark.parametrize("target", [worker, driver, node], ids=lambda target: target.__name__)
def test_chaos(
    campaign: Callable[[str], Path],
    inbox: BackgroundInbox,
    log: Path,
    tmp_path: Path,
    target: Callable[[psutil.Process], list[psutil.Process]],
    policy: str,
) -> None:
    chaos = Chaos(tmp_path / "run", campaign(policy), inbox, target, random.Random(f"{policy} {target.__name__}"))
    started = time.monotonic()
    summary = chaos.until_done()
    figures = reconciled(chaos, summary, log, policy)
    print(f"{target.__name__} {policy}: {chaos.kills} kills, {figures}, {time.monotonic() - started:.0f} s")


def reconciled(chaos: Chaos, summary: dict[str, Any], log: Path, policy: str) -> dict[str, int]:
    """What the inbox has noted and what the ledger says, by Message-ID; the figures of the comparison."""
    secret = (chaos.campaign / "secret.key").read_bytes().strip()
    arrived = Counter(line.message_id.strip("<>").partition("@")[0] for line in read_log(log))
    states: dict[str, list[State]] = {}
    ledger = SqliteLedger(chaos.run / "ledger")
    for number in ledger.partitions():
        partition = ledger.partition(number)
        names = message_ids(secret, pa.array(partition.keys(), pa.binary(16))).to_pylist()
        states.update({name: [State.PLANNED] for name in names})
        entries = partition.replay().log
        for row, state in zip(entries.row.tolist(), entries.state.tolist(), strict=True):
            states[names[row]].append(State(state))
        partition.close()

    messages = summary["plan"]["messages"]
    last = Counter(steps[-1] for steps in states.values())
    doubts = sum(steps.count(State.UNKNOWN) for steps in states.values())
    duplicates = arrived.total() - len(arrived)
    lost = messages - last[State.ACCEPTED] - last[State.UNKNOWN] - last[State.SKIPPED]
    assert (len(states), lost) == (messages, 0), last
    assert duplicates == 0 if policy == "skip" else duplicates <= doubts
    assert {name for name, steps in states.items() if steps[-1] is State.ACCEPTED} <= set(arrived)
    assert {name for name in arrived if not {State.ACCEPTED, State.UNKNOWN} & set(states[name])} == set()
    assert verify_ledger(chaos.run).differences == []
    unknown = last[State.UNKNOWN]
    return {"messages": messages, "lost": lost, "twice": duplicates, "doubts": doubts, "unknown at the end": unknown}
