"""Effects of one instant, so that it does not matter in which order they are done."""

from __future__ import annotations

import json

import pyarrow as pa

from engine.workflow.executions import EffectKind

_WRITING = (EffectKind.UPDATE, EffectKind.MEMBERSHIP)


def last_words(effects: pa.RecordBatch) -> pa.RecordBatch:
    """EFFECTS of one advance, in which what an execution writes and overwrites at one instant is written once.

    Effects bear an instant and no number, and several steps may be worked on in one instant. Of the updates of one execution in one
    instant, an attribute stays in the last that writes it; of its memberships of one type, the last stays. What is left of them
    concerns different things.
    """
    kinds = effects.column("kind").to_pylist()
    rows = [row for row, kind in enumerate(kinds) if kind in _WRITING]
    keys = effects.select(["kind", "execution_id", "at"]).take(pa.array(rows, pa.int64()))
    moments = list(zip(*(column.to_pylist() for column in keys.columns), strict=True))
    if len(set(moments)) == len(moments):
        return effects
    payloads = effects.column("payload").to_pylist()
    written: dict[tuple[str, ...], set[str]] = {}
    dropped = set()
    for row, moment in reversed([*zip(rows, moments, strict=True)]):
        values = json.loads(payloads[row])
        later = written.setdefault(moment, set())
        if kinds[row] == EffectKind.MEMBERSHIP:
            names, left = {values["segment_type"]}, values if values["segment_type"] not in later else {}
        else:
            names, left = set(values), {name: value for name, value in values.items() if name not in later}
        if not left:
            dropped.add(row)
        elif len(left) < len(values):
            payloads[row] = json.dumps(left, ensure_ascii=False)
        later |= names
    told = effects.set_column(
        effects.schema.get_field_index("payload"), effects.schema.field("payload"), pa.array(payloads, pa.string())
    )
    return told.take(pa.array([row for row in range(len(kinds)) if row not in dropped], pa.int64()))
