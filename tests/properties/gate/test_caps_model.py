"""However runs reserve, send, fail, die and come back: no window ever holds more messages to a recipient than the cap allows."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.adapters.stores.caps_memory import MemoryCaps
from engine.adapters.stores.caps_sqlite import SqliteCaps
from engine.audience.frequency import HOLD, Cap, CapsStore, PartitionCaps

KINDS: dict[str, Callable[[Path], CapsStore]] = {
    "memory": lambda folder: MemoryCaps(),
    "sqlite": lambda folder: SqliteCaps(folder / "caps.sqlite"),
}
RUNS, ROWS, RECIPIENTS = 3, 6, 2
CAPS = [Cap(2, 4 * HOLD), Cap(3, 10 * HOLD)]
runs, rows = st.integers(0, RUNS - 1), st.integers(0, ROWS - 1)


class Machine(RuleBasedStateMachine):
    kind = "memory"

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.store = KINDS[self.kind](Path(self.folder.name))
        self.now = 1_000 * HOLD
        self.runs = [self.owner(run) for run in range(RUNS)]
        self.perhaps_sent: list[dict[int, int]] = [{} for _ in range(RUNS)]
        self.sent: list[list[int]] = [[] for _ in range(RECIPIENTS)]
        self.done: set[tuple[int, int]] = set()

    def owner(self, run: int) -> PartitionCaps:
        keys = [bytes([run % 2, row]) * 8 for row in range(ROWS)]  # the first and the third run have the same keys
        return PartitionCaps(self.store, CAPS, str(run), keys, [bytes([row % RECIPIENTS]) for row in range(ROWS)])

    @rule(seconds=st.integers(1, 3 * HOLD))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(run=runs, some=st.lists(rows, unique=True, max_size=ROWS))
    def reserve(self, run: int, some: list[int]) -> None:
        self.runs[run].reserve([row for row in some if (run, row) not in self.done], self.now)

    @rule(run=runs, row=rows, accepted=st.booleans())
    def send(self, run: int, row: int, accepted: bool) -> None:
        if not self.runs[run].reserved(row, self.now) or (run, row) in self.done:
            return
        if accepted:
            self.sent[row % RECIPIENTS].append(self.now)
            self.perhaps_sent[run][row] = self.now
            self.done.add((run, row))
        self.runs[run].settle(row, self.now if accepted else None)

    @rule(run=runs)
    def flush(self, run: int) -> None:
        self.runs[run].flush()

    @rule(run=runs)
    def end(self, run: int) -> None:
        self.runs[run].release()

    @rule(run=runs)
    def die_and_come_back(self, run: int) -> None:
        self.runs[run] = self.owner(run)
        self.runs[run].recover(self.perhaps_sent[run], self.now)

    @rule(run=runs)
    def die(self, run: int) -> None:
        """What was not written down is lost."""
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
    kind = "sqlite"


@pytest.mark.parametrize(("machine", "examples"), [(Machine, 150), (SqliteMachine, 15)])
def test_no_window_holds_more_than_the_caps_allow(machine: type[Machine], examples: int) -> None:
    case = machine.TestCase
    case.settings = settings(max_examples=examples, stateful_step_count=60, deadline=None)
    case().runTest()
