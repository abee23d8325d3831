"""Real ledgers against a model that is too simple to be wrong."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine.adapters.stores.ledger_postgres import PostgresLedger
from engine.adapters.stores.ledger_sqlite import SqliteLedger
from engine.adapters.stores.postgres_session import parse_database
from engine.errors import InternalError, RefusedError
from engine.ledger.contract import Ledger, PartitionLedger
from engine.ledger.entries import Entry
from engine.ledger.memory import MemoryLedger
from engine.ledger.states import TRANSITIONS, State

LEASE = 100_000_000
ROWS = 4
KEYS = [bytes([row]) * 16 for row in range(ROWS)]
OWNERS = st.integers(0, 2)
STEPS = st.lists(
    st.tuples(
        st.integers(0, ROWS - 1),
        st.sampled_from(State),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
    ),
    min_size=1,
    max_size=6,
)


class LedgerMachine(RuleBasedStateMachine):
    """Three owners fight for one partition under a clock that only the test moves."""

    def make(self, folder: Path) -> Ledger:
        raise NotImplementedError

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = self.make(Path(self.folder.name))
        self.views: list[PartitionLedger] = [self.ledger.partition(0) for _ in range(3)]
        self.now = 1_000_000_000
        self.epoch = 0
        self.owner: int | None = None
        self.lease_until = 0
        self.planned = False
        self.states = [State.PLANNED] * ROWS
        self.written: list[Entry] = []

    @rule(who=OWNERS)
    def claim(self, who: int) -> None:
        if self.owner not in (None, who) and self.lease_until > self.now:
            with pytest.raises(RefusedError):
                self.views[who].claim(f"owner {who}", self.now, self.now + LEASE)
        elif self.owner == who and self.lease_until > self.now:
            self.views[who].release()
            self.owner = None
        else:
            self.epoch += 1
            assert self.views[who].claim(f"owner {who}", self.now, self.now + LEASE) == self.epoch
            self.owner, self.lease_until = who, self.now + LEASE

    @rule(who=OWNERS)
    def plan(self, who: int) -> None:
        if who == self.owner:
            self.views[who].plan(KEYS, self.now)
            self.planned = True
        else:
            with pytest.raises(RefusedError):
                self.views[who].plan(KEYS, self.now)

    @precondition(lambda self: self.planned)
    @rule(who=OWNERS, steps=STEPS)
    def append(self, who: int, steps: list[tuple[int, State, str]]) -> None:
        entries = [Entry(row, state.value, 1, self.now, detail=detail) for row, state, detail in steps]
        states, allowed = list(self.states), True
        for row, state, _ in steps:
            allowed = allowed and state in TRANSITIONS[states[row]]
            states[row] = state
        if who == self.owner and allowed:
            self.views[who].append(entries, self.now + LEASE)
            self.states, self.lease_until = states, self.now + LEASE
            self.written += entries
        else:
            with pytest.raises((RefusedError, InternalError)):
                self.views[who].append(entries, self.now + LEASE)

    @rule(who=OWNERS)
    def reopen(self, who: int) -> None:
        self.views[who].close()
        self.views[who] = self.ledger.partition(0)
        if self.owner == who:
            self.owner = None

    @rule(passed=st.sampled_from([1, LEASE // 2, LEASE]))
    def wait(self, passed: int) -> None:
        self.now += passed

    @rule(who=OWNERS)
    def read(self, who: int) -> None:
        standing = self.views[who].replay()
        assert standing.state.tolist() == (self.states if self.planned else [])
        assert standing.log.row.tolist() == [entry.row for entry in self.written]
        assert standing.log.detail.to_pylist() == [entry.detail for entry in self.written]

    @invariant()
    def counts_reconcile(self) -> None:
        if hasattr(self, "ledger"):
            counts = self.ledger.counts()
            assert counts.planned == (ROWS if self.planned else 0)
            if self.planned:
                assert [counts[state] for state in State] == [self.states.count(state) for state in State]

    def teardown(self) -> None:
        if hasattr(self, "views"):
            for view in self.views:
                view.close()
            self.folder.cleanup()


class MemoryMachine(LedgerMachine):
    def make(self, folder: Path) -> Ledger:
        return MemoryLedger()


class SqliteMachine(LedgerMachine):
    def make(self, folder: Path) -> Ledger:
        return SqliteLedger(folder)


@pytest.fixture
def postgres_machine(request: pytest.FixtureRequest) -> type[LedgerMachine]:
    server = request.getfixturevalue("postgres")

    class PostgresMachine(LedgerMachine):
        def make(self, folder: Path) -> Ledger:
            return PostgresLedger(parse_database(server.url, server.password), folder.name)

    return PostgresMachine


@pytest.mark.parametrize(("machine", "examples"), [(MemoryMachine, 200), (SqliteMachine, 40)])
def test_a_ledger_behaves_as_its_model(machine: type[LedgerMachine], examples: int) -> None:
    behaves(machine, examples)


def test_the_cluster_ledger_behaves_as_its_model(postgres_machine: type[LedgerMachine]) -> None:
    behaves(postgres_machine, 15)


def behaves(machine: type[LedgerMachine], examples: int) -> None:
    few = settings(
        max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=few)
