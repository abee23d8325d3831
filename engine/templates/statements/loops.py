"""For: over all rows' items at once; over constants, unrolled; one position after the other where state is carried along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, nodes
from jinja2.compiler import find_undeclared

from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.layout import Branches, Items
from engine.templates.merging import select
from engine.templates.scope import Loop, Scope, Space, Taker, UnsupportedError
from engine.templates.statements.body import Body
from engine.templates.statements.holes import Item
from engine.templates.statements.output import expression
from engine.templates.statements.spread import Spread, spread
from engine.templates.statements.steps import Fail, Step, run_body
from engine.templates.statements.targets import Target, bind_constant, bind_target, fill, slot_reader
from engine.templates.truth import truth
from engine.templates.values import Const, Numbers, Value, bad_rows, gather

MOST_UNROLLED = 4_000  # nodes
MOST_POSITIONS = 5_000


def loop(scope: Scope, body: Body, node: nodes.For) -> None:
    """Compile a for loop."""
    if node.recursive:
        raise UnsupportedError(node, "for", "recursive loops are not lowered")
    iterated = expression(scope, node.iter)
    if iterated.const is not None:
        if iterated.const.failed:
            body.silent(Fail())
            return
        if _unrolled(scope, body, node, iterated.const.value):
            return
    _columnar(scope, body, node, iterated)


def _columnar(scope: Scope, body: Body, node: nodes.For, iterated: Expression) -> None:
    sequential = writes_namespace(scope, node)
    shared: tuple[Any, ...] | None = None if sequential else (iterated.number, scope.depth, _shape(node.target))
    item = scope.unit.slot(shared and (*shared, "item"))
    names = scope.names.inner()
    depth = scope.depth + 1
    target = bind_target(scope, names, depth, node.target, shared and (*shared, "target"), iterated.typed)
    test = None
    if node.test is not None:
        test = expression(
            scope.within(names=names, depth=depth, toplevel=False, loops=depth, parallel=depth), node.test
        )
        depth += 1
    shared = shared and (*shared, None if test is None else test.number)
    index, length = (scope.unit.slot(shared and (*shared, name)) for name in ("index", "length"))
    fields = _fields(scope, depth, index, length, slot_reader(scope, scope.depth + 1, item), sequential)
    inner = names.inner().declare(node.body)
    changed = scope.depth if not sequential and _changes_once(node) else None
    inner.bind("loop", Loop(fields, depth, changed))
    parallel = scope.parallel if sequential else depth
    place = scope.within(names=inner, depth=depth, toplevel=False, loops=depth, parallel=parallel)
    made = Body(scope.unit)
    for each in node.body:
        scope.unit.statement(place, made, each)
    slots = _Slots(item, index, length, target)
    other = _else(scope, node)
    kind = Positions if sequential else ForEach
    body.step(kind(iterated, slots, test, made.steps(), other, scope.environment))


def _shape(target: nodes.Node) -> tuple[Any, ...] | None:
    """How a target takes an item apart, whatever its names are."""
    return tuple(_shape(each) for each in target.items) if isinstance(target, nodes.Tuple | nodes.List) else None


def _else(scope: Scope, node: nodes.For) -> tuple[Step, ...]:
    made = Body(scope.unit)
    place = scope.inner(node.else_, depth=scope.depth + 1)
    for each in node.else_:
        scope.unit.statement(place, made, each)
    return made.steps()


def _changes_once(node: nodes.For) -> bool:
    """Whether ``loop.changed()`` is called at one place only, and there whenever the statement around it is reached."""
    calls = [
        each
        for each in node.find_all(nodes.Call)
        if isinstance(each.node, nodes.Getattr) and each.node.attr == "changed"
    ]
    if len(calls) != 1:
        return False
    skipping: list[nodes.Node] = [*node.find_all(nodes.And), *node.find_all(nodes.Or), *node.find_all(nodes.CondExpr)]
    skipping += [each for branch in node.find_all(nodes.If) for each in branch.elif_]
    skipping += [
        each
        for inner in node.find_all(nodes.For)
        for each in (inner, inner.test)
        if each is not None and each is not node
    ]
    skipping += [*node.find_all(nodes.Macro), *node.find_all(nodes.CallBlock), *node.find_all(nodes.Compare)]
    return not any(calls[0] is each for place in skipping for each in place.find_all(nodes.Call))


def writes_namespace(scope: Scope, node: nodes.For) -> bool:
    """Whether the loop's body sets an attribute of a namespace from outside of it: then its items run one position after the other."""
    written = any(isinstance(scope.names.find(each.name), Space) for each in node.find_all(nodes.NSRef))
    return written or any(isinstance(scope.names.find(each.name), Taker) for each in node.find_all(nodes.Name))


@dataclass(frozen=True, slots=True)
class _Slots:
    item: int
    index: int
    length: int
    target: Target


@dataclass(frozen=True, slots=True)
class ForEach:
    """A loop over all items of all rows at once."""

    iterated: Expression
    slots: _Slots
    test: Expression | None
    body: tuple[Step, ...]
    other: tuple[Step, ...]
    environment: Environment

    def run(self, frame: Frame, items: list[Item]) -> None:
        found = spread(frame, self.iterated.at(frame), self.environment)
        frame.mark(found.bad)
        lengths = found.lengths
        if len(lengths) and lengths.any():
            lengths = self._items(frame, items, found)
        if self.other:
            empty = np.flatnonzero(lengths == 0).astype(np.int32)
            _rest(frame, items, empty, self.other)

    def _items(self, frame: Frame, items: list[Item], found: Spread) -> npt.NDArray[np.int64]:
        lengths, outer, inner = self._frames(frame, found)
        if inner.n:
            layout = run_body(self.body, inner)
            if layout.items:
                items.append(Items.of(lengths, layout))
        if inner is not outer:
            inner.close()
        outer.close()
        return lengths

    def _frames(self, frame: Frame, found: Spread) -> tuple[npt.NDArray[np.int64], Frame, Frame]:
        """The frame of all items and that of the items that pass the test; loops over the same list share them, and what is known there."""
        key = (self.slots.item, None if self.test is None else self.test.number)
        held = frame.loops.get(key)
        if held is not None:
            return held
        lengths = found.lengths
        rows = np.repeat(np.arange(frame.n, dtype=np.int32), lengths)
        outer = inner = frame.sub(rows, loop=True)
        _begin(inner, self.slots, found.items, self.environment)
        if self.test is not None:
            kept = _kept(inner, self.test, self.environment)
            lengths = np.bincount(rows[kept], minlength=frame.n).astype(np.int64)
            inner = outer.sub(kept, loop=True)
        starts = np.cumsum(lengths) - lengths
        index = np.arange(inner.n, dtype=np.int64) - np.repeat(starts, lengths)
        _count(inner, self.slots, index, np.repeat(lengths, lengths))
        frame.loops[key] = lengths, outer, inner
        return lengths, outer, inner


@dataclass(frozen=True, slots=True)
class Positions:
    """A loop over the rows' first items, then over their second ones, and so on."""

    iterated: Expression
    slots: _Slots
    test: Expression | None
    body: tuple[Step, ...]
    other: tuple[Step, ...]
    environment: Environment

    def run(self, frame: Frame, items: list[Item]) -> None:
        found = spread(frame, self.iterated.at(frame), self.environment)
        frame.mark(found.bad)
        lengths, value = found.lengths, found.items
        starts = np.cumsum(lengths) - lengths
        if self.test is not None:
            lengths, value, starts = self._tested(frame, lengths, value)
        longest = int(lengths.max()) if len(lengths) else 0
        if longest > MOST_POSITIONS:
            raise UnsupportedError(None, "for", "too many items for a loop that carries state along")
        for position in range(longest):
            rows = np.flatnonzero(lengths > position).astype(np.int32)
            self._position(
                frame, items, rows, gather(value, (starts[rows] + position).astype(np.int32)), position, lengths[rows]
            )
        if self.other:
            _rest(frame, items, np.flatnonzero(lengths == 0).astype(np.int32), self.other)

    def _position(self, frame: Frame, items: list[Item], rows: Any, value: Value, position: int, lengths: Any) -> None:
        outer = inner = frame.sub(rows, loop=True)
        _begin(inner, self.slots, value, self.environment)
        if self.test is not None:
            inner = outer.sub(None, loop=True)
        _count(inner, self.slots, np.full(inner.n, position, np.int64), lengths)
        layout = run_body(self.body, inner)
        if inner is not outer:
            inner.close()
        outer.close()
        if layout.items:
            items.append(Branches.of(frame.n, [(rows, layout)]))

    def _tested(self, frame: Frame, lengths: Any, value: Value) -> tuple[Any, Value, Any]:
        """The items that pass the test, which sees none of the state."""
        rows = np.repeat(np.arange(frame.n, dtype=np.int32), lengths)
        inner = frame.sub(rows, loop=True)
        _begin(inner, self.slots, value, self.environment)
        kept = (
            _kept(inner, self.test, self.environment) if self.test is not None else np.arange(inner.n, dtype=np.int32)
        )
        inner.close()
        lengths = np.bincount(rows[kept], minlength=frame.n).astype(np.int64)
        return lengths, gather(value, kept), np.cumsum(lengths) - lengths


def _begin(inner: Frame, slots: _Slots, value: Value, environment: Environment) -> None:
    inner.slots[slots.item] = value
    inner.mark(bad_rows(value, inner.n))
    fill(inner, slots.target, value, environment)


def _count(inner: Frame, slots: _Slots, index: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> None:
    inner.slots[slots.index] = Numbers(index)
    inner.slots[slots.length] = Numbers(lengths)


def _kept(inner: Frame, test: Expression, environment: Environment) -> npt.NDArray[np.int32]:
    decided = truth(test.at(inner), environment, inner.n)
    inner.mark(decided.bad)
    return np.flatnonzero(decided.mask(inner.n)).astype(np.int32)


def _rest(frame: Frame, items: list[Item], rows: npt.NDArray[np.int32], steps: tuple[Step, ...]) -> None:
    if len(rows) == 0:
        return
    inner = frame.sub(rows)
    layout = run_body(steps, inner)
    inner.close()
    if layout.items:
        items.append(Branches.of(frame.n, [(rows, layout)]))


def _fields(
    scope: Scope, depth: int, index: int, length: int, item: Expression, sequential: bool
) -> Mapping[str, Expression]:
    """The loop variable's attributes."""
    numbering = scope.unit.numbering

    def computed(name: str, function: Callable[[Any, Any], Any]) -> Expression:
        def read(frame: Frame) -> Value:
            counted, total = frame.slots[index], frame.slots[length]
            if not isinstance(counted, Numbers) or not isinstance(total, Numbers):
                raise TypeError("a loop counts in numbers")
            return Numbers(function(counted.data, total.data))

        return numbering.variable(depth, read, ("loop", index, name), typed=True)

    fields = {
        "index": computed("index", lambda at, _: at + 1),
        "index0": computed("index0", lambda at, _: at),
        "first": computed("first", lambda at, _: at == 0),
        "last": computed("last", lambda at, total: at == total - 1),
        "length": computed("length", lambda _, total: total),
        "revindex": computed("revindex", lambda at, total: total - at),
        "revindex0": computed("revindex0", lambda at, total: total - at - 1),
        "depth": numbering.constant(1),
        "depth0": numbering.constant(0),
    }
    if not sequential:
        fields["previtem"] = _neighbour(scope, item, fields["first"], -1, "there is no previous item", depth)
        fields["nextitem"] = _neighbour(scope, item, fields["last"], 1, "there is no next item", depth)
    return fields


def _neighbour(scope: Scope, item: Expression, edge: Expression, step: int, hint: str, depth: int) -> Expression:
    environment = scope.environment

    def read(frame: Frame) -> Value:
        at_edge = edge.at(frame)
        if not isinstance(at_edge, Numbers):
            raise TypeError("a loop counts in numbers")
        rows = np.clip(np.arange(frame.n, dtype=np.int32) + step, 0, frame.n - 1)
        value = gather(item.at(frame), rows)
        return select(at_edge.data, Const(environment.undefined(hint)), value, environment, frame.n)

    return scope.unit.numbering.variable(depth, read)


def _unrolled(scope: Scope, body: Body, node: nodes.For, value: Any) -> bool:
    """A loop over a constant, as its body once for every item; False where that cannot be done now."""
    try:
        items = list(value)
    except Exception:
        body.silent(Fail())
        return True
    weight = sum(1 for each in node.body for _ in each.find_all(nodes.Node)) + len(node.body)
    if weight == 0 and node.test is None and not node.else_ and isinstance(node.target, nodes.Name):
        return True
    weight += 1
    if len(items) * weight > MOST_UNROLLED:
        return False
    if node.test is not None:
        chosen = _chosen(scope, node, items)
        if chosen is None:
            return False
        items = chosen
    if not items:
        place = scope.inner(node.else_)
        for each in node.else_:
            scope.unit.statement(place, body, each)
        return True
    for position in range(len(items)):
        if not _iteration(scope, body, node, items, position):
            body.silent(Fail())
            break
    return True


def _chosen(scope: Scope, node: nodes.For, items: list[Any]) -> list[Any] | None:
    """The items that pass the loop's test, where that is known now."""
    kept: list[Any] = []
    for item in items:
        names = scope.names.inner()
        if node.test is None or not bind_constant(scope, names, node.target, item):
            return None
        test = expression(scope.within(names=names, toplevel=False), node.test)
        if test.const is None:
            return None
        decided = truth(test.const, scope.environment, 1)
        if decided.bad is not None:
            return None
        if decided.true:
            kept.append(item)
    return kept


def _iteration(scope: Scope, body: Body, node: nodes.For, items: list[Any], position: int) -> bool:
    names = scope.names.inner()
    if not bind_constant(scope, names, node.target, items[position]):
        return False
    if "loop" in find_undeclared(node.body, ("loop",)):
        names.bind("loop", Loop(_constant_fields(scope, items, position), scope.depth))
    place = scope.within(names=names.inner().declare(node.body), toplevel=False)
    for each in node.body:
        scope.unit.statement(place, body, each)
    return True


def _constant_fields(scope: Scope, items: list[Any], position: int) -> Mapping[str, Expression]:
    total, undefined = len(items), scope.environment.undefined
    values = {
        "index": position + 1,
        "index0": position,
        "first": position == 0,
        "last": position == total - 1,
        "length": total,
        "revindex": total - position,
        "revindex0": total - position - 1,
        "depth": 1,
        "depth0": 0,
        "previtem": items[position - 1] if position else undefined("there is no previous item"),
        "nextitem": items[position + 1] if position + 1 < total else undefined("there is no next item"),
    }
    return {name: scope.unit.numbering.constant(value) for name, value in values.items()}
