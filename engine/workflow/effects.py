"""What a batch asks to be done, collected a cohort at a time. Nothing is done here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.workflow.cohort import Effect, Instants
from engine.workflow.executions import EFFECTS, INSTANT
from engine.workflow.json_columns import objects
from engine.workflow.standing import Rows, Standing


@dataclass(frozen=True, slots=True)
class Emitted:
    """An effect of one step for ``rows`` of the batch. ``columns`` has a value for each; ``written`` is what steps had written by
    then, over the whole batch."""

    step: str
    effect: Effect
    rows: Rows
    at: Instants
    occurrence: npt.NDArray[np.int32]
    columns: Mapping[str, pa.Array]
    suffix: npt.NDArray[np.int32] | None
    written: Mapping[str, pa.Array]


class EffectLog:
    def __init__(self) -> None:
        self.emitted: list[Emitted] = []

    def emit(
        self,
        standing: Standing,
        effect: Effect,
        rows: Rows,
        at: Instants,
        fields: Mapping[str, pa.Array],
        written: Mapping[str, pa.Array],
    ) -> None:
        """``rows`` and ``at`` are those of the whole cohort, as they stand at the step; ``fields`` go into the payload too."""
        chosen = effect.rows
        if not chosen.any():
            return
        columns = {**effect.columns, **fields}
        suffix = effect.suffix
        if not chosen.all():
            columns = {name: column.filter(pa.array(chosen)) for name, column in columns.items()}
            rows, at = rows[chosen], at[chosen]
            suffix = None if suffix is None else suffix[chosen]
        step = standing.steps[int(standing.step[rows[0]])]
        self.emitted.append(Emitted(step, effect, rows, at, standing.occurrence[rows], columns, suffix, written))

    def batch(self, standing: Standing) -> pa.RecordBatch:
        """All effects, as EFFECTS."""
        batches = [_rows(each, standing) for each in self.emitted]
        if not batches:
            return pa.RecordBatch.from_pylist([], schema=EFFECTS)
        return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _rows(emitted: Emitted, standing: Standing) -> pa.RecordBatch:
    index = pa.array(emitted.rows)
    ids = standing.ids.take(index)
    occurrences = pa.array(emitted.occurrence).cast(pa.string())
    parts = [ids, emitted.step, occurrences]
    if emitted.suffix is not None:
        parts.append(pa.array(emitted.suffix).cast(pa.string()))
    columns = {
        "name": pc.binary_join_element_wise(*parts, "/"),
        "kind": pa.repeat(str(emitted.effect.kind), len(ids)),
        "execution_id": ids,
        "workflow": standing.column("workflow").take(index),
        "user_id": standing.column("user_id").take(index),
        "step": pa.repeat(emitted.step, len(ids)),
        "occurrence": pc.binary_join_element_wise(ids, occurrences, ":"),
        "at": pa.array(emitted.at).view(INSTANT),
        "payload": _payloads(emitted),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=EFFECTS)


def _payloads(emitted: Emitted) -> pa.StringArray:
    rows = len(emitted.rows)
    constants = json.dumps(emitted.effect.constants, ensure_ascii=False, separators=(",", ":"))
    if not emitted.columns:
        return pa.repeat(constants, rows)
    texts = objects(emitted.columns, rows, nulls=True)
    if not emitted.effect.constants:
        return texts
    return pc.binary_join_element_wise(constants[:-1] + ",", pc.utf8_slice_codeunits(texts, 1), "")
