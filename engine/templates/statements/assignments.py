"""Set, set blocks, with, do, and namespaces."""

from __future__ import annotations

from dataclasses import replace

from jinja2 import nodes
from jinja2.utils import Cycler, Joiner, Namespace

from engine.templates.expressions.access import binding_of
from engine.templates.expressions.compile import compile_expression, marked_safe
from engine.templates.expressions.expression import Expression
from engine.templates.scope import Macro, Module, Scope, Space, UnsupportedError
from engine.templates.statements.body import Body
from engine.templates.statements.capture import captured, filter_chain, raw_text
from engine.templates.statements.holes import Hole
from engine.templates.statements.output import check, expression
from engine.templates.statements.pinning import pinned
from engine.templates.statements.stateful import taker
from engine.templates.statements.steps import Fail, Write
from engine.templates.statements.targets import Unpack, bind_constant, bind_target


def assign(scope: Scope, body: Body, node: nodes.Assign) -> None:
    if isinstance(node.target, nodes.NSRef):
        _write(scope, body, node.target, expression(scope, node.node))
        return
    if isinstance(node.target, nodes.Name):
        if _alias(scope, node.target.name, node.node) or _namespace(scope, body, node.target.name, node.node):
            return
        _bind(scope, body, node.target.name, expression(scope, node.node))
        return
    if node.target.find(nodes.NSRef) is not None:
        raise UnsupportedError(node, "set", "a namespace's attribute among several targets")
    _unpack(scope, body, node.target, expression(scope, node.node))


def _bind(scope: Scope, body: Body, name: str, made: Expression) -> None:
    held = pinned(scope, made)
    check(body, held)
    scope.names.bind(name, held)


def _alias(scope: Scope, name: str, node: nodes.Node) -> bool:
    """Another name for a macro or a module."""
    bound = binding_of(scope, node)
    if not isinstance(bound, Macro | Module):
        return False
    scope.names.bind(name, bound)
    return True


def _unpack(scope: Scope, body: Body, target: nodes.Node, made: Expression) -> None:
    if made.const is not None:
        if made.const.failed or not bind_constant(scope, scope.names, target, made.const.value):
            body.silent(Fail())
        return
    slots = bind_target(scope, scope.names, scope.depth, target)
    body.silent(Unpack(made, slots, scope.environment))


def _namespace(scope: Scope, body: Body, name: str, node: nodes.Node) -> bool:
    """``namespace(a=1)``, where that is Jinja2's."""
    if not isinstance(node, nodes.Call):
        return False
    bound = binding_of(scope, node.node)
    kind = bound.const.value if isinstance(bound, Expression) and bound.const is not None else None
    if kind is Joiner or kind is Cycler:
        scope.names.bind(name, taker(scope, body, node, kind))
        return True
    if not (isinstance(kind, type) and issubclass(kind, Namespace)):
        return False
    if node.args or node.dyn_args is not None or node.dyn_kwargs is not None:
        raise UnsupportedError(node, "namespace()", "its attributes come from a value")
    attributes: dict[str, Expression] = {}
    for each in node.kwargs:
        attributes[each.key] = pinned(scope, expression(scope, each.value))
        check(body, attributes[each.key])
    scope.names.bind(name, Space(scope.unit.numbering.fresh(), scope.depth, [0], attributes))
    return True


def _write(scope: Scope, body: Body, target: nodes.NSRef, made: Expression) -> None:
    space = scope.resolve(target.name)
    if isinstance(space, Expression):
        body.silent(Fail())  # Jinja2: cannot assign attribute on non-namespace object
        return
    if not isinstance(space, Space):
        raise UnsupportedError(target, target.name, "an attribute is set on something that is not a namespace")
    if scope.parallel > space.depth:
        raise UnsupportedError(
            target, target.name, "a namespace from outside of the loop is set by a macro that is called in it"
        )
    held = pinned(scope, made)
    body.silent(Write(space, target.attr, held, scope.environment))
    space.clock[0] += 1


def assign_block(scope: Scope, body: Body, node: nodes.AssignBlock) -> None:
    """``{% set name %}...{% endset %}``."""
    text = captured(
        scope, lambda place, inner: _body(place.within(muted=False), inner, node.body), markup=scope.site.autoescape
    )
    made = text
    if node.filter is not None:
        made = filter_chain(scope, node.filter, text)
        if scope.site.autoescape:
            made = marked_safe(scope, made)
    if isinstance(node.target, nodes.NSRef):
        _write(scope, body, node.target, made)
    elif isinstance(node.target, nodes.Name):
        _bind(scope, body, node.target.name, made)
    else:
        _unpack(scope, body, node.target, made)


def _body(scope: Scope, body: Body, statements: list[nodes.Node]) -> None:
    place = scope.inner(statements)
    for each in statements:
        scope.unit.statement(place, body, each)


def filter_block(scope: Scope, body: Body, node: nodes.FilterBlock) -> None:
    text = captured(scope, lambda place, inner: _body(place, inner, node.body), markup=scope.site.autoescape)
    made = raw_text(scope, filter_chain(scope, node.filter, text))
    body.hole(Hole(made, replace(scope.site, autoescape=False)))


def with_(scope: Scope, body: Body, node: nodes.With) -> None:
    """The values are those outside of the block."""
    held = [pinned(scope, expression(scope, value)) for value in node.values]
    place = scope.inner([])
    for target, made in zip(node.targets, held, strict=True):
        check(body, made)
        if isinstance(target, nodes.Name):
            place.names.bind(target.name, made)
        else:
            _unpack(place, body, target, made)
    place.names.declare(node.body)
    for each in node.body:
        scope.unit.statement(place, body, each)


def do(scope: Scope, body: Body, node: nodes.ExprStmt) -> None:
    check(body, expression(scope, node.node))


def modified(scope: Scope, body: Body, node: nodes.ScopedEvalContextModifier) -> None:
    """``{% autoescape %}``, where its setting is known."""
    site = scope.site
    for option in node.options:
        value = compile_expression(scope, option.value).const
        if option.key != "autoescape" or not isinstance(option.value, nodes.Const) or value is None:
            raise UnsupportedError(node, "autoescape", "whether to escape is only known for each row")
        site = replace(site, autoescape=bool(value.value))
    if node.find(nodes.Block) is not None:
        raise UnsupportedError(node, "autoescape", "a block inside a change of escaping")
    for each in node.body:
        scope.unit.statement(scope.within(site=site), body, each)


def inner_scope(scope: Scope, body: Body, node: nodes.Scope) -> None:
    place = scope.inner(node.body)
    for each in node.body:
        scope.unit.statement(place, body, each)
