"""However runs reserve, send, fail, die and come back: no window ever holds more messages to a recipient than the cap allows."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.adapters.stores.caps_memory import MemoryCaps
from engine.adapters.stores.caps_postgres import PostgresCaps
from engine.adapters.stores.caps_sqlite import SqliteCaps
from engine.adapters.stores.pool import STORE, PoolLimits, PostgresPool
from engine.adapters.stores.postgres_session import parse_database
from engine.audience.frequency import HOLD, Cap, CapsStore, PartitionCaps

RUNS, ROWS, RECIPIENTS = 3, 4, 1
CAPS = [Cap(1, 4 * HOLD), Cap(2, 9 * HOLD)]
WAITS = st.sampled_from([1, HOLD // 2, HOLD - 1, HOLD, 3 * HOLD, 4 * HOLD - 1, 4 * HOLD])
runs, rows = st.integers(0, RUNS - 1), st.integers(0, ROWS - 1)


class Machine(RuleBasedStateMachine):
    def make(self, folder: Path) -> CapsStore:
        return MemoryCaps()

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.store = self.make(Path(self.folder.name))
        self.now = 1_000 * HOLD
        self.runs = [self.owner(run) for run in range(RUNS)]
        self.perhaps_sent: list[dict[int, int]] = [{} for _ in range(RUNS)]
        self.sent: list[list[int]] = [[] for _ in range(RECIPIENTS)]
        self.done: set[tuple[int, int]] = set()
        self.untold: set[tuple[int, int]] = set()

    def owner(self, run: int) -> PartitionCaps:
        keys = [bytes([run % 2, row]) * 8 for row in range(ROWS)]  # the first and the third run have the same keys
        return PartitionCaps(self.store, CAPS, str(run), keys, [bytes([row % RECIPIENTS]) for row in range(ROWS)])

    @rule(microseconds=WAITS)
    def wait(self, microseconds: int) -> None:
        self.now += microseconds

    @rule(run=runs, some=st.lists(rows, unique=True, min_size=1, max_size=2))
    def reserve(self, run: int, some: list[int]) -> None:
        self.runs[run].reserve([row for row in some if (run, row) not in self.done], self.now)

    @rule(data=st.data(), accepted=st.sampled_from([True, True, False]))
    def send(self, data: st.DataObject, accepted: bool) -> None:
        open_ = [
            (run, row)
            for run in range(RUNS)
            for row in range(ROWS)
            if self.runs[run].reserved(row, self.now) and (run, row) not in self.done
        ]
        if not open_:
            return
        run, row = data.draw(st.sampled_from(open_))
        if accepted:
            self.sent[row % RECIPIENTS].append(self.now)
            self.perhaps_sent[run][row] = self.now
            self.done.add((run, row))
        self.runs[run].settle(row, self.now if accepted else None)

    @rule(run=runs, row=rows, pause=st.sampled_from([0, HOLD - 1, HOLD, 3 * HOLD - 1]), told=st.booleans())
    def mail(self, run: int, row: int, pause: int, told: bool) -> None:
        """Reserve and send after a while; ``told``: the outcome is known before the process can die."""
        if (run, row) in self.done:
            return
        self.runs[run].reserve([row], self.now)
        self.now += pause
        if self.runs[run].reserved(row, self.now):
            self.sent[row % RECIPIENTS].append(self.now)
            self.perhaps_sent[run][row] = self.now
            self.done.add((run, row))
            if told:
                self.runs[run].settle(row, self.now)
            else:
                self.untold.add((run, row))

    @rule(run=runs)
    def flush(self, run: int) -> None:
        self.runs[run].flush()

    @rule(run=runs)
    def end(self, run: int) -> None:
        """A run that ends in order knows by then what became of each message."""
        for each, row in [*self.untold]:
            if each == run:
                self.runs[run].settle(row, self.now)
                self.untold.discard((run, row))
        self.runs[run].release()

    @rule(run=runs)
    def die_and_come_back(self, run: int) -> None:
        self.untold = {each for each in self.untold if each[0] != run}
        self.runs[run] = self.owner(run)
        self.runs[run].recover(self.perhaps_sent[run], self.now)

    @rule(run=runs)
    def die(self, run: int) -> None:
        """What was not written down is lost."""
        self.untold = {each for each in self.untold if each[0] != run}
        self.runs[run] = self.owner(run)

    @invariant()
    def no_cap_is_exceeded(self) -> None:
        for sent in getattr(self, "sent", []):
            for cap in CAPS:
                for last in sent:
                    assert sum(last - cap.per < each <= last for each in sent) <= cap.messages

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


class SqliteMachine(Machine):
    def make(self, folder: Path) -> CapsStore:
        return SqliteCaps(folder / "caps.sqlite")


@pytest.fixture(scope="module")
def postgres_machine(postgres: Any) -> Iterator[type[Machine]]:
    pool = PostgresPool(
        parse_database(postgres.url, postgres.password, STORE), [], PoolLimits(min_connections=1), lag=0
    )

    class PostgresMachine(Machine):
        def make(self, folder: Path) -> CapsStore:
            assert pool.share()
            return PostgresCaps(pool, folder.name)

    yield PostgresMachine
    pool.close()


def test_no_window_holds_more_than_the_caps_allow_on_a_cluster(postgres_machine: type[Machine]) -> None:
    run_state_machine_as_test(
        postgres_machine, settings=settings(max_examples=15, stateful_step_count=40, deadline=None)
    )


@pytest.mark.parametrize(("machine", "examples"), [(Machine, 400), (SqliteMachine, 15)])
def test_no_window_holds_more_than_the_caps_allow(machine: type[Machine], examples: int) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None))
