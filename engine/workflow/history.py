"""What happened to the executions of a batch, collected a cohort at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.workflow.cohort import Instants
from engine.workflow.executions import HISTORY, INSTANT, Outcome
from engine.workflow.standing import Rows, Standing


@dataclass(frozen=True, slots=True)
class _Told:
    rows: Rows
    at: Instants
    step: npt.NDArray[np.int32]
    occurrence: npt.NDArray[np.int32]
    attempt: npt.NDArray[np.int32]
    move: npt.NDArray[np.int32]
    stood: npt.NDArray[np.int64]
    outcome: Outcome
    worked: bool
    output: pa.StringArray
    error: pa.StringArray
    work: npt.NDArray[np.float64]


class HistoryLog:
    """``kept``: whether anybody asks for it; a plan does not."""

    def __init__(self, standing: Standing, types: Sequence[str], clock: int, kept: bool) -> None:
        self._kept = kept
        self._standing = standing
        self._types = pa.array(types, pa.string())
        self._clock = clock
        self._told: list[_Told] = []

    def tell(
        self,
        rows: Rows,
        at: Instants,
        outcome: Outcome,
        output: str | pa.StringArray | None = None,
        error: pa.StringArray | None = None,
        *,
        worked: bool = True,
        work: float = 0.0,
    ) -> None:
        """One row for each of ``rows``, as they stand now. ``work``: microseconds for each; ``worked``: by its step."""
        if not self._kept or not len(rows):
            return
        standing = self._standing
        texts = (
            pa.repeat(pa.scalar(output, pa.string()), len(rows))
            if output is None or isinstance(output, str)
            else output
        )
        told = _Told(
            rows,
            at,
            standing.step[rows],
            standing.occurrence[rows],
            standing.tries[rows] + np.int32(1),
            standing.moves[rows],
            at - standing.arrived[rows],
            outcome,
            worked,
            texts,
            pa.nulls(len(rows), pa.string()) if error is None else error,
            np.full(len(rows), work),
        )
        self._told.append(told)
        standing.moves[rows] += 1

    def batch(self) -> pa.RecordBatch:
        """All that was told, as HISTORY; of each execution in its order."""
        told = self._told
        if not told:
            return pa.RecordBatch.from_pylist([], schema=HISTORY)
        sizes = [len(each.rows) for each in told]
        at = np.concatenate([each.at for each in told])
        step = np.concatenate([each.step for each in told])
        worked = np.repeat([each.worked for each in told], sizes)
        columns = {
            "execution_id": self._standing.ids.take(pa.array(np.concatenate([each.rows for each in told]))),
            "move": pa.array(np.concatenate([each.move for each in told])),
            "at": pa.array(at).view(INSTANT),
            "step": pa.array(self._standing.steps, pa.string()).take(pa.array(step)),
            "type": self._types.take(pa.array(step, mask=~worked)),
            "occurrence": pa.array(np.concatenate([each.occurrence for each in told])),
            "attempt": pa.array(np.concatenate([each.attempt for each in told])),
            "outcome": pa.array([each.outcome for each in told], pa.string()).take(
                pa.array(np.repeat(range(len(told)), sizes))
            ),
            "output": pa.concat_arrays([each.output for each in told]),
            "error": pa.concat_arrays([each.error for each in told]),
            "stood_us": pa.array(np.concatenate([each.stood for each in told])),
            "lag_us": pa.array(self._clock - at),
            "work_us": pa.array(np.concatenate([each.work for each in told])),
        }
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=HISTORY)
