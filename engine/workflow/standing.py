"""Where the executions of a batch stand, as arrays that are moved in place, and back to columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.errors import InternalError
from engine.workflow.cohort import NEVER, Instants
from engine.workflow.executions import ALIVE, EXECUTIONS, INSTANT, State

Rows = npt.NDArray[np.int64]
STATES = tuple(State)
CODES: Mapping[State, int] = {state: code for code, state in enumerate(STATES)}


class Standing:
    """n executions. Instants are UTC microseconds, NEVER for null; ``step`` is a place in ``steps``, ``awaits`` one in ``names`` or -1."""

    def __init__(self, executions: pa.RecordBatch, steps: Sequence[str]) -> None:
        self._executions = executions
        self.steps = tuple(steps)
        self.state = _places(executions.column("state"), STATES).astype(np.int8)
        self.step = _places(executions.column("step"), self.steps)
        awaits = executions.column("awaits").dictionary_encode()
        self.names: list[str] = awaits.dictionary.to_pylist()
        self.awaits = awaits.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        self.occurrence, self.tries, self.moves = (
            executions.column(name).to_numpy(zero_copy_only=False).copy()
            for name in ("occurrence", "retry_count", "moves")
        )
        self.entered, self.arrived, self.due, self.until, self.goal, self.ended = (
            _micros(executions.column(name))
            for name in ("entered_at", "arrived_at", "due", "until", "goal_at", "ended_at")
        )
        self.seen = executions.column("seen").to_numpy(zero_copy_only=False).copy()
        self._errors: dict[int, str | None] = {}

    def __len__(self) -> int:
        return len(self.state)

    @property
    def ids(self) -> pa.StringArray:
        return self._executions.column("execution_id")

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        return np.isin(self.state, [CODES[state] for state in ALIVE])

    def column(self, name: str) -> pa.Array:
        """A column that no step changes."""
        return self._executions.column(name)

    def name_code(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def come_to(self, rows: Rows, step: int, at: Instants) -> None:
        """Go on to a step; one that does not stand behind the present one begins another occurrence."""
        self.occurrence[rows] += step <= self.step[rows]
        self.step[rows] = step
        self.arrived[rows] = at
        self.tries[rows] = 0
        self._rest(rows)

    def hold(self, rows: Rows, state: State, due: Instants) -> None:
        self._rest(rows)
        self.state[rows] = CODES[state]
        self.due[rows] = due

    def end(self, rows: Rows, state: State, at: Instants) -> None:
        self._rest(rows)
        self.state[rows] = CODES[state]
        self.ended[rows] = at

    def failed(self, rows: Rows, errors: pa.StringArray) -> None:
        self._errors.update(zip(rows.tolist(), errors.to_pylist(), strict=True))

    def batch(self, context: pa.StringArray) -> pa.RecordBatch:
        """The executions as EXECUTIONS, with what their steps have written."""
        changed = {
            "state": pa.array(STATES, pa.string()).take(pa.array(self.state)),
            "step": pa.array(self.steps, pa.string()).take(pa.array(self.step)),
            "occurrence": pa.array(self.occurrence),
            "retry_count": pa.array(self.tries),
            "moves": pa.array(self.moves),
            "seen": pa.array(self.seen),
            "arrived_at": pa.array(self.arrived).view(INSTANT),
            **{name: _instants(getattr(self, name)) for name in ("due", "until")},
            "goal_at": _instants(self.goal),
            "ended_at": _instants(self.ended),
            "awaits": pa.array(self.names, pa.string()).take(pa.array(self.awaits, mask=self.awaits < 0)),
            "error": self._error_column(),
            "context": context,
        }
        columns = [changed[name] if name in changed else self._executions.column(name) for name in EXECUTIONS.names]
        return pa.RecordBatch.from_arrays(columns, schema=EXECUTIONS)

    def _rest(self, rows: Rows) -> None:
        self.due[rows] = NEVER
        self.until[rows] = NEVER
        self.awaits[rows] = -1

    def _error_column(self) -> pa.StringArray:
        column = self._executions.column("error")
        if not self._errors:
            return column
        mask = np.zeros(len(self), dtype=np.bool_)
        rows = sorted(self._errors)
        mask[rows] = True
        return pc.replace_with_mask(column, pa.array(mask), pa.array([self._errors[row] for row in rows], pa.string()))


def _places(column: pa.StringArray, known: Sequence[str]) -> npt.NDArray[np.int32]:
    places = pc.index_in(column, value_set=pa.array(known, pa.string()))
    if places.null_count:
        strange = column.filter(pc.is_null(places))[0].as_py()
        raise InternalError.single("MR180", f"an execution stands at `{strange}`, which its definition does not have")
    return np.array(places, dtype=np.int32)


def _micros(column: pa.TimestampArray) -> Instants:
    return np.array(column.view(pa.int64()).fill_null(NEVER), dtype=np.int64)


def _instants(values: Instants) -> pa.TimestampArray:
    return pa.array(values, mask=values == NEVER).view(INSTANT)
