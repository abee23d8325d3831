"""Doubts of a run on which nobody works, settled by what somebody knows."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from engine.campaign.schema import UnknownPolicy
from engine.delivery.doubts import DoubtRule, Evidence
from engine.ledger.entries import Entry
from engine.ledger.memory import MemoryLedger
from engine.ledger.states import Reason, State
from engine.pipeline.settle import Settlement

HOUR = 3_600_000_000
START = 500_000 * HOUR
KEYS = [bytes([row]) * 16 for row in range(6)]


class Archive:
    def entries(self, number: int) -> int | None:
        return None

    def write(self, number: int, entries: int, table: pa.Table) -> None: ...

    def read(self, number: int) -> Any: ...

    def remove(self, number: int) -> None: ...


class Knows:
    remembers = 24 * HOUR  # it does not count here: the next resume may be days away

    def __init__(self, *rows: int) -> None:
        self._rows = rows

    def ask(self, keys: Sequence[bytes]) -> dict[bytes, Evidence]:
        return {KEYS[row]: Evidence("mail", "hard") for row in self._rows if KEYS[row] in keys}


@pytest.fixture
def ledger() -> MemoryLedger:
    """Two messages in doubt for two hours, one that a crash left an hour ago, one that was accepted, two that were not sent."""
    ledger = MemoryLedger()
    partition = ledger.partition(0)
    partition.claim("one", START, START + HOUR)
    partition.plan(KEYS, START)
    for row in (0, 1):
        partition.append([Entry(row, State.INTENT.value, 1, START)], 0)
        partition.append([Entry(row, State.UNKNOWN.value, 1, START, Reason.NO_REPLY.value)], 0)
    partition.append([Entry(2, State.INTENT.value, 1, START + HOUR)], 0)
    partition.append([Entry(3, State.INTENT.value, 1, START), Entry(3, State.ACCEPTED.value, 1, START)], 0)
    partition.release()
    return ledger


class Plans:
    def outbox(self, number: int) -> pa.RecordBatch:
        return pa.record_batch({"step": ["greet"] * 6, "address": [f"to{row}@example.com" for row in range(6)]})


def settle(ledger: MemoryLedger, rule: DoubtRule, *known: int) -> dict[State, int]:
    nothing: Any = None
    settlement = Settlement(ledger, nothing, Archive(), "somebody", lambda: START + 2 * HOUR)
    return dict(settlement.reconcile(Knows(*known), rule))


def states(ledger: MemoryLedger) -> list[State]:
    return [State(each) for each in ledger.partition(0).replay().state]


def test_evidence_settles_and_the_rule_settles_what_has_had_its_time(ledger: MemoryLedger) -> None:
    done = settle(ledger, DoubtRule(2 * HOUR, UnknownPolicy.SKIP), 0)
    assert done == {State.RESOLVED_SENT: 1, State.RESOLVED_SKIPPED: 1, State.UNKNOWN: 1}
    after = [State.RESOLVED_SENT, State.RESOLVED_SKIPPED, State.UNKNOWN, State.ACCEPTED, State.PLANNED, State.PLANNED]
    assert states(ledger) == after
    assert settle(ledger, DoubtRule(2 * HOUR, UnknownPolicy.SKIP), 0) == {State.UNKNOWN: 1}
    assert states(ledger) == after


def test_without_a_rule_only_evidence_counts(ledger: MemoryLedger) -> None:
    assert settle(ledger, DoubtRule(), 2) == {State.RESOLVED_SENT: 1, State.UNKNOWN: 2}
    assert states(ledger)[:3] == [State.UNKNOWN, State.UNKNOWN, State.RESOLVED_SENT]


def test_what_is_on_its_way_is_no_doubt_while_somebody_is_at_work(ledger: MemoryLedger) -> None:
    plans: Any = Plans()
    settlement = Settlement(ledger, plans, Archive(), "somebody", lambda: START + 2 * HOUR)
    assert [each.address[2] for each in settlement.doubts(Knows())] == ["0", "1", "2"]
    assert [each.address[2] for each in settlement.doubts(Knows(), at_work=True)] == ["0", "1"]
