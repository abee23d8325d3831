"""Four runs at once, killed again and again: nobody gets more than the cap, and no place is lost."""

import random
import signal
import time
from collections import Counter
from typing import Any

import pytest

from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.ledger.states import Reason, State

CAP, RECIPIENTS, MESSAGES, RUNS = 5, 100, 400, 4


@pytest.mark.parametrize("kills", [0, 6])
def test_no_cap_is_exceeded_by_runs_at_the_same_time(runs: Any, kills: int) -> None:
    luck = random.Random(kills)
    working = {run: runs.start(run, MESSAGES, RECIPIENTS, cap=CAP, faults=True) for run in range(RUNS)}
    for _ in range(kills):
        time.sleep(0.3 + luck.random() * 0.3)
        victim = luck.randrange(RUNS)
        working[victim].send_signal(signal.SIGKILL)
        working[victim].wait()
        working[victim] = runs.start(victim, MESSAGES, RECIPIENTS, cap=CAP, faults=True)
    for process in working.values():
        assert process.wait(120) == 0, process.stderr.read()
    assert max(Counter(dot.recipient for dot in runs.dots()).values()) == CAP

    assert runs.start(RUNS, MESSAGES * 2, RECIPIENTS, cap=CAP).wait(60) == 0
    seen = Counter(dot.recipient for dot in runs.dots())
    doubts = 0
    for run in range(RUNS + 1):
        counts = SqliteLedger(runs.folder / f"ledger{run}").counts()
        doubts += counts[State.UNKNOWN]
        assert counts[State.SKIPPED] == counts.skipped[Reason.CAPPED]
        assert counts.planned == MESSAGES * (2 if run == RUNS else 1)
    assert max(seen.values()) == CAP
    assert sum(seen.values()) >= CAP * RECIPIENTS - doubts
