"""Captured texts: a body rendered into a value, for set blocks, filter blocks, and macros called inside expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import nodes
from markupsafe import Markup

from engine.templates.expressions.compile import compile_expression
from engine.templates.expressions.expression import Expression
from engine.templates.frame import Batch, Frame
from engine.templates.generic import apply
from engine.templates.layout import written
from engine.templates.lowering.filters import filter_of
from engine.templates.rope import Chunk
from engine.templates.scope import Scope
from engine.templates.statements.body import Body, constant_text
from engine.templates.statements.steps import Step, run_body
from engine.templates.values import Texts, Value


def captured(scope: Scope, build: Callable[[Scope, Body], None], *, markup: bool) -> Expression:
    """The text of what ``build`` compiles."""
    body = Body(scope.unit)
    build(scope.within(depth=scope.depth + 1), body)
    steps = body.steps()
    text = constant_text(steps)
    if text is not None:
        return scope.unit.numbering.constant(Markup(text) if markup else text)  # noqa: S704
    return scope.unit.numbering.variable(scope.depth, lambda frame: _texts(frame, steps, markup))


def _texts(frame: Frame, steps: tuple[Step, ...], markup: bool) -> Value:
    inner = frame.sub(None)
    ids, offsets = written(run_body(steps, inner))
    pool, ids = used_pieces(frame.batch, ids)
    pieces = pc.take(pool, pa.array(ids), boundscheck=False)
    if len(pieces) == 0:
        return Texts(pa.array([""] * frame.n, pa.string()), bad=inner.bad, safe=markup)
    ends = np.frombuffer(pieces.buffers()[1], np.int32)[offsets]
    return Texts(
        pa.StringArray.from_buffers(frame.n, pa.py_buffer(ends), pieces.buffers()[2]), bad=inner.bad, safe=markup
    )


def used_pieces(batch: Batch, ids: Any) -> tuple[pa.StringArray, Any]:
    """The chunks of the pool that the ids are in, as one array, and the ids in it."""
    chunks: tuple[Chunk, ...] = batch.pool().chunks
    sizes = np.fromiter((len(chunk.texts) for chunk in chunks), np.int64, len(chunks))
    ends = np.cumsum(sizes)
    owner = np.searchsorted(ends, ids, side="right")
    used = np.unique(owner)
    if len(used) == 0:
        return pa.array([], pa.string()), ids
    shift = np.zeros(len(chunks), np.int64)
    total = 0
    for number in used.tolist():
        shift[number] = total - (ends[number] - sizes[number])
        total += int(sizes[number])
    pool = pa.concat_arrays([chunks[number].texts for number in used.tolist()])
    return pool, (ids + shift[owner]).astype(np.int32)


def filter_chain(scope: Scope, node: nodes.Filter, base: Expression) -> Expression:
    """The filters of a filter block or set block, the innermost on the captured text."""
    inner = base
    if isinstance(node.node, nodes.Filter):
        inner = filter_chain(scope, node.node, base)
    return filter_of(compile_expression, scope, node, inner)


def raw_text(scope: Scope, made: Expression) -> Expression:
    """What a filter block prints: its filter's result as it is; anything but a text raises."""
    environment = scope.environment

    def only_text(value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError("sequence item: expected str instance")
        return str.__str__(value)

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, only_text, made.at(frame))

    return scope.unit.numbering.operation(("raw text",), (made,), evaluate)
