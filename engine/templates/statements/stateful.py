"""``joiner()`` and ``cycler()``: what they print depends on how often they were asked."""

from __future__ import annotations

import numpy as np
from jinja2 import nodes
from jinja2.utils import Joiner

from engine.templates.expressions.access import space_attribute
from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.merging import stacked
from engine.templates.scope import Scope, Space, Taker, UnsupportedError
from engine.templates.statements.body import Body
from engine.templates.statements.holes import Hole
from engine.templates.statements.output import check, expression
from engine.templates.statements.pinning import pinned
from engine.templates.statements.steps import Write
from engine.templates.values import Const, Numbers, Value, gather

_STATE = "turn"


def taker(scope: Scope, body: Body, node: nodes.Call, kind: type) -> Taker:
    """The binding of ``joiner(...)`` or ``cycler(...)``: a joiner gives nothing at first, then its separator."""
    if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        raise UnsupportedError(node, kind.__name__.lower(), "its arguments are named or spread")
    numbering = scope.unit.numbering
    items = [pinned(scope, expression(scope, each)) for each in node.args]
    for each in items:
        check(body, each)
    space = Space(numbering.fresh(), scope.depth, [0], {_STATE: numbering.constant(0)})
    if kind is Joiner:
        if len(items) > 1:
            raise UnsupportedError(node, "joiner", "it takes one separator")
        items = [numbering.constant(""), *(items or [numbering.constant(", ")])]
        return Taker("joiner", space, tuple(items))
    if not items:
        raise UnsupportedError(node, "cycler", "it has nothing to give")
    return Taker("cycler", space, tuple(items))


def take(scope: Scope, body: Body, node: nodes.Call) -> bool:
    """Print ``joiner()`` or ``cycler.next()`` and let it move on; False where the call is of something else."""
    target = node.node
    if isinstance(target, nodes.Name):
        found, asked = scope.resolve(target.name), ""
    elif isinstance(target, nodes.Getattr) and isinstance(target.node, nodes.Name):
        found, asked = scope.resolve(target.node.name), target.attr
    else:
        return False
    if not isinstance(found, Taker):
        return False
    if asked != {"joiner": "", "cycler": "next"}[found.kind] or node.args or scope.parallel > found.space.depth:
        raise UnsupportedError(node, found.kind, "it is used in a way that is not lowered")
    state = space_attribute(scope, found.space, _STATE)
    body.hole(Hole(_turn(scope, state, found.items), scope.site))
    body.silent(Write(found.space, _STATE, _next(scope, state, found), scope.environment))
    found.space.clock[0] += 1
    return True


def _turn(scope: Scope, state: Expression, items: tuple[Expression, ...]) -> Expression:
    """The item whose turn it is."""
    environment = scope.environment

    def evaluate(frame: Frame) -> Value:
        turn = state.at(frame)
        values = [each.at(frame) for each in items]
        if isinstance(turn, Const):
            return items[int(turn.value)].at(frame)
        if not isinstance(turn, Numbers):
            raise TypeError("turns are numbers")
        rows = np.arange(frame.n) + turn.data * frame.n
        return gather(stacked(values, [frame.n] * len(values), environment), rows.astype(np.int32))

    return scope.unit.numbering.variable(scope.depth, evaluate)


def _next(scope: Scope, state: Expression, found: Taker) -> Expression:
    environment, count = scope.environment, len(found.items)
    last = count - 1

    def following(turn: int) -> int:
        return min(turn + 1, last) if found.kind == "joiner" else (turn + 1) % count

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, following, state.at(frame))

    return scope.unit.numbering.variable(scope.depth, evaluate)
