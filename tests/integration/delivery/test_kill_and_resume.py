"""A real process is killed at random moments and started again: nobody is lost, and nobody gets it twice unless asked."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.ledger.states import State

Start = Callable[[Path, int, str, int], "Popen[bytes]"]
CONNECTIONS = 8


def arrived(folder: Path) -> Counter[int]:
    sink = folder / "sink"
    seen = sink.read_bytes() if sink.exists() else b""
    assert len(seen) % 4 == 0
    return Counter(int.from_bytes(seen[at : at + 4], "big") for at in range(0, len(seen), 4))


def standing(folder: Path) -> tuple[list[State], list[State]]:
    """The current states, and every state that was ever entered."""
    partition = SqliteLedger(folder / "ledger").partition(0)
    found = partition.replay()
    partition.close()
    return [State(each) for each in found.state], [State(each) for each in found.log.state]


def kill_again_and_again(start: Start, folder: Path, messages: int, policy: str, kills: int) -> None:
    """Kill each process when a random number of messages more has arrived, or at a random early moment."""
    luck = random.Random(policy)
    for kill in range(kills):
        process = start(folder, messages, policy, kill)
        enough = sum(arrived(folder).values()) + luck.randrange(1, max(2, messages // kills))
        while process.poll() is None and sum(arrived(folder).values()) < enough:
            time.sleep(0.0005)
        time.sleep(luck.random() * 0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        states, _ = standing(folder)
        assert states.count(State.INTENT) <= CONNECTIONS


def check(start: Start, folder: Path, messages: int, policy: str, kills: int) -> None:
    kill_again_and_again(start, folder, messages, policy, kills)
    last = start(folder, messages, policy, kills)
    assert last.wait(120) == 0, last.stderr.read() if last.stderr else ""

    states, history = standing(folder)
    sink = arrived(folder)
    counts = SqliteLedger(folder / "ledger").counts()
    by_state = {state: {row for row, each in enumerate(states) if each is state} for state in State}
    assert counts.planned == len(states) == messages
    assert by_state[State.REJECTED] == set(range(49, messages, 50))
    assert by_state[State.ACCEPTED] <= set(sink) <= by_state[State.ACCEPTED] | by_state[State.UNKNOWN]
    assert len(by_state[State.ACCEPTED] | by_state[State.UNKNOWN] | by_state[State.REJECTED]) == messages
    duplicates = sum(sink.values()) - len(sink)
    doubts = history.count(State.UNKNOWN)
    if policy == "skip":
        assert duplicates == 0
    else:
        assert duplicates <= doubts
    assert doubts > 0
    print(f"{policy}: {kills} kills, {len(sink)} arrived, {duplicates} twice, {doubts} doubts")


@pytest.mark.parametrize("policy", ["skip", "resend"])
def test_killed_a_dozen_times(start: Start, tmp_path: Path, policy: str) -> None:
    check(start, tmp_path, messages=2000, policy=policy, kills=12)


@pytest.mark.soak
@pytest.mark.parametrize("policy", ["skip", "resend"])
def test_killed_for_long(start: Start, tmp_path: Path, policy: str) -> None:
    check(start, tmp_path, messages=10_000, policy=policy, kills=40)


def test_of_two_that_resume_at_once_one_is_refused(start: Start, tmp_path: Path) -> None:
    both = [start(tmp_path, 1500, "skip", seed) for seed in (1, 2)]
    ends = sorted(process.wait(60) for process in both)
    refused = next(process for process in both if process.returncode)
    assert ends == [0, 77]
    assert refused.stderr is not None
    assert refused.stderr.read().strip() == b"MR601"
    assert max(arrived(tmp_path).values()) == 1


def test_a_process_that_sleeps_past_its_lease_cannot_write_on(start: Start, tmp_path: Path) -> None:
    process = start(tmp_path, 1500, "skip", 1)
    while sum(arrived(tmp_path).values()) < 50:
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    partition = SqliteLedger(tmp_path / "ledger").partition(0)
    later = time.time_ns() // 1000 + 3_600_000_000
    assert partition.claim("the next owner", later, later + 1) == 2
    before = sum(arrived(tmp_path).values())
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 77
    assert sum(arrived(tmp_path).values()) - before <= CONNECTIONS
    partition.close()
