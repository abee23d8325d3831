"""The Ray runner on a real, local Ray: the same plan as in one process, and every message accounted for when actors are killed."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.adapters.inbox import BackgroundInbox, InboxSettings, read_log
from engine.assembly.run import OpenRun
from engine.assembly.settings import AppSettings
from engine.errors import CampaignError
from engine.ledger.states import State
from engine.pipeline.records import DECISIONS
from jobs.execute import execute
from jobs.progress import Silent

pytestmark = pytest.mark.usefixtures("ray_here")

RECIPIENTS = 20_000  # three blocks


@pytest.fixture(scope="module")
def campaign(campaigns: Callable[[int], Path]) -> Path:
    return campaigns(RECIPIENTS)


def test_both_runners_give_the_same_files(campaign: Path, start: Callable) -> None:
    here, there = start(campaign, "inline", "inline"), start(campaign, "ray", "ray")
    assert there.summary["outbox_digest"] == here.summary["outbox_digest"]
    assert there.summary["plan"] == here.summary["plan"]
    assert here.summary["plan"]["recipients"] == RECIPIENTS
    for kind in ("outbox", "verdicts"):
        assert len(here.files(kind)) == 3
        assert there.files(kind) == here.files(kind)


def test_another_partition_size_gives_the_same_digest(campaign: Path, start: Callable) -> None:
    small, large = start(campaign, "small", "inline"), start(campaign, "large", "ray", partition_rows=16_384)
    assert len(large.files("outbox")) == 2
    assert large.summary["outbox_digest"] == small.summary["outbox_digest"]


def test_decisions_are_on_record_with_their_reasons(campaign: Path, start: Callable) -> None:
    run = start(campaign, "decisions", "ray", deliver=True)
    decisions = run.opened.folder.read_lines(DECISIONS)
    # What a phase changes nothing of is not on record; the first phase always changes something.
    assert {"plan"} <= {each["reading"]["phase"] for each in decisions} <= {"plan", "deliver"}
    assert all(each["reasons"] and each["before"] != each["after"] for each in decisions)
    first = decisions[0]
    assert first["reasons"]["backlog"] == "3 partitions to do, 2 of 2 CPUs there"
    assert max(each["after"]["window"] for each in decisions) == 4
    assert max(each["after"]["delivery_workers"] for each in decisions) == 2


def test_a_fault_in_a_worker_comes_out_as_itself(campaign: Path, opened: Callable[..., OpenRun]) -> None:
    run = opened(campaign, "no-secret")
    key = campaign / "secret.key"
    secret = key.read_text()
    key.unlink()
    try:
        with pytest.raises(CampaignError) as caught:
            execute(run, AppSettings(runner="ray"), Silent(), deliver=True)
    finally:
        key.write_text(secret)
    assert type(caught.value) is CampaignError
    assert caught.value.diagnostics[0].code == "MR161"


def test_a_killed_delivery_actor_loses_nobody_and_sends_nothing_twice(
    campaign: Path, opened: Callable[..., OpenRun], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with BackgroundInbox(InboxSettings(log=log)) as inbox:
        run = opened(campaign, "killed", transport=f"smtp://127.0.0.1:{inbox.port}")
        killer = Killer(log, inbox.port, after=500)
        summary = execute(run, AppSettings(runner="ray"), Silent(), deliver=True)
        killer.join(10)
        received = inbox.counts.accepted
    outcomes = summary["outcomes"]
    arrived = Counter(line.message_id for line in read_log(log))

    assert killer.killed == 1
    assert sum(outcomes.values()) == summary["plan"]["messages"]
    assert outcomes["accepted"] + outcomes["unknown"] == summary["plan"]["messages"]
    assert outcomes["accepted"] <= received <= outcomes["accepted"] + outcomes["unknown"]
    assert len(arrived) == received == arrived.total()  # with `skip` nothing comes twice
    assert sorted(epochs(run)) == [1, 1, 2]
    assert crashed(run) == outcomes["unknown"]


class Killer(threading.Thread):
    """Sends SIGKILL to one delivery actor of this process's Ray that is sending when so many messages have arrived."""

    def __init__(self, log: Path, port: int, *, after: int) -> None:
        super().__init__(daemon=True)
        self._log = log
        self._port = port
        self._after = after
        self.killed = 0
        self.start()

    def run(self) -> None:
        while not self._log.exists() or len(read_log(self._log)) < self._after:
            time.sleep(0.01)
        victim = next(each for each in psutil.Process().children(recursive=True) if _sends(each, self._port))
        os.kill(victim.pid, signal.SIGKILL)
        self.killed += 1


def _sends(process: psutil.Process, port: int) -> bool:
    """Whether it is a delivery actor with an open connection: one that has none yet has claimed no partition either."""
    try:
        delivers = process.cmdline()[0].startswith("ray::DeliveryActor")
        return delivers and any(each.raddr and each.raddr.port == port for each in process.net_connections("tcp"))
    except (psutil.NoSuchProcess, IndexError):
        return False


def epochs(run: OpenRun) -> list[int]:
    """How often each partition had a new owner."""
    found = []
    for number in run.ledger().partitions():
        partition = run.ledger().partition(number)
        found.append(partition.claim("a look at the epoch", 0, 0) - 1)
        partition.close()
    return found


def crashed(run: OpenRun) -> int:
    """The messages of which nobody knows whether they were sent."""
    states = []
    for number in run.ledger().partitions():
        partition = run.ledger().partition(number)
        states += partition.replay().state.tolist()
        partition.close()
    return states.count(State.UNKNOWN)
