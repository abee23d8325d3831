"""Metering written into a template: a copy of its syntax tree in which what costs is paid for.

The copy is made when Python code is generated, so whoever parses a template sees the tree as it was written. Payment is by filters
whose names no template can write; each gives its input back unchanged, so the metered template renders what the plain one renders.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from jinja2 import nodes, pass_context

from engine.templates.sandbox.limits import (
    MAX_DEFINITIONS,
    MAX_INTEGER_BITS,
    MAX_LOOP_DEPTH,
    MAX_TREE_DEPTH,
    MAX_TREE_NODES,
    TemplateLimitError,
)
from engine.templates.sandbox.meter import METER, Meter, capped, charged, iterated

NODE_WORK = 8  # units for evaluating one node
_CHARGE, _CAP, _ITERATE, _WORK = "(charge)", "(cap)", "(iterate)", "(work)"
# They read all of their operands.
_LINEAR_TESTS = frozenset(
    {
        "==",
        "eq",
        "equalto",
        "!=",
        "ne",
        "in",
        ">",
        "gt",
        "greaterthan",
        ">=",
        "ge",
        "<",
        "lt",
        "lessthan",
        "<=",
        "le",
        "lower",
        "upper",
    }
)
# They take the same time whatever they are given.
_CONSTANT_FILTERS = frozenset({"count", "d", "default", "first", "length", "safe"})
_DEFINITIONS = (nodes.Macro, nodes.CallBlock, nodes.Block)
_SELF_PAID = (nodes.For, *_DEFINITIONS)  # their bodies pay when they run
AnyNode = TypeVar("AnyNode", bound=nodes.Node)


@pass_context
def _work(_context: object, units: int) -> None:
    meter = METER.get()
    (Meter() if meter is None else meter).spend(units)


METERING_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    _CHARGE: charged,
    _CAP: capped,
    _ITERATE: iterated,
    _WORK: _work,
}


def check_shape(tree: nodes.Node, name: str | None) -> None:
    """Refuse a syntax tree that is too deep, too large, or that holds an integer of too many digits."""
    left: list[tuple[nodes.Node, int, int]] = [(tree, 1, 0)]
    count = definitions = 0
    while left:
        node, depth, loops = left.pop()
        count += 1
        loops += isinstance(node, nodes.For)
        definitions += isinstance(node, _DEFINITIONS)
        if depth > MAX_TREE_DEPTH or loops > MAX_LOOP_DEPTH:
            raise TemplateLimitError("the template is nested too deeply", name=name, lineno=node.lineno)
        if count > MAX_TREE_NODES or definitions > MAX_DEFINITIONS:
            raise TemplateLimitError("the template has too many parts", name=name, lineno=node.lineno)
        value = node.value if isinstance(node, nodes.Const) else None
        if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
            raise TemplateLimitError("a number of too many digits", name=name, lineno=node.lineno)
        left.extend((child, depth + 1, loops) for child in node.iter_child_nodes())


def instrumented(tree: nodes.Template) -> nodes.Template:
    """A metered copy of a template's tree; the tree itself is left as it is."""
    return _copied(tree)


def _copied(node: AnyNode) -> AnyNode:
    made = copy.copy(node)
    for field in node.fields:
        value = getattr(node, field, None)
        if isinstance(value, nodes.Node):
            setattr(made, field, _copied(value))
        elif isinstance(value, list):
            setattr(made, field, [_copied(each) if isinstance(each, nodes.Node) else each for each in value])
    rewrite = _REWRITES.get(type(node))
    return made if rewrite is None else rewrite(made, node)


def _filter(name: str, value: nodes.Node | None, *args: int) -> nodes.Filter:
    lineno = value.lineno if value is not None else None
    constants = [nodes.Const(each, lineno=lineno) for each in args]
    return nodes.Filter(value, name, constants, [], None, None, lineno=lineno)


def _charge(value: nodes.Expr) -> nodes.Expr:
    """Pay for what an expression gives; a constant's size is in the template's own."""
    return value if isinstance(value, nodes.Const | nodes.TemplateData) else _filter(_CHARGE, value)


def _work_statement(node: nodes.Node, body: list[nodes.Node]) -> nodes.ExprStmt:
    units = nodes.Const(NODE_WORK * _weight(body), lineno=node.lineno)
    return nodes.ExprStmt(_filter(_WORK, units), lineno=node.lineno)


def _weight(body: list[nodes.Node]) -> int:
    """How many nodes one run through a body evaluates at most."""
    total = 0
    for node in body:
        total += 1
        if isinstance(node, nodes.If):
            arms = [_weight([*node.body]), *(_weight([arm]) for arm in node.elif_), _weight([*node.else_])]
            total += _weight([node.test]) + max(arms)
        elif isinstance(node, nodes.For):
            total += _weight([node.iter, *node.else_])
        elif not isinstance(node, _SELF_PAID):
            total += _weight([*node.iter_child_nodes()])
    return total


def _output(made: nodes.Output, _node: nodes.Output) -> nodes.Output:
    made.nodes = [_charge(each) for each in made.nodes]
    return made


def _for(made: nodes.For, node: nodes.For) -> nodes.For:
    tested = _weight([node.test]) if node.test is not None else 0
    made.iter = _filter(_ITERATE, made.iter, NODE_WORK * tested)
    made.body = [_work_statement(node, node.body), *made.body]
    return made


def _body(made: Any, node: Any) -> Any:
    made.body = [_work_statement(node, node.body), *made.body]
    return made


def _filtered(made: nodes.Filter, _node: nodes.Filter) -> nodes.Filter:
    if made.name in _CONSTANT_FILTERS:
        return made
    made.node = _filter(_CHARGE, None) if made.node is None else _charge(made.node)
    made.args = [_charge(each) for each in made.args]
    return made


def _tested(made: nodes.Test, node: nodes.Test) -> nodes.Test:
    if node.name in _LINEAR_TESTS:
        made.node = _charge(made.node)
        made.args = [_charge(each) for each in made.args]
    return made


def _compared(made: nodes.Compare, _node: nodes.Compare) -> nodes.Compare:
    made.expr = _charge(made.expr)
    for operand in made.ops:
        operand.expr = _charge(operand.expr)
    return made


def _concatenated(made: nodes.Concat, _node: nodes.Concat) -> nodes.Expr:
    made.nodes = [_charge(each) for each in made.nodes]
    return _filter(_CAP, made)


def _item(made: nodes.Getitem, _node: nodes.Getitem) -> nodes.Getitem:
    if isinstance(made.arg, nodes.Slice):
        made.node = _charge(made.node)
    else:
        made.arg = _charge(made.arg)
    return made


_REWRITES: Final[Mapping[type[nodes.Node], Callable[[Any, Any], Any]]] = {
    nodes.Block: _body,
    nodes.CallBlock: _body,
    nodes.Compare: _compared,
    nodes.Concat: _concatenated,
    nodes.Filter: _filtered,
    nodes.For: _for,
    nodes.Getitem: _item,
    nodes.Macro: _body,
    nodes.Output: _output,
    nodes.Template: _body,
    nodes.Test: _tested,
}
