"""A statement that is not lowered, rendered by Jinja2 alone: once for each distinct input, over nothing but what it reads."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jinja2 import Template, meta, nodes
from jinja2.utils import _PassArg
from jinja2.visitor import NodeTransformer

from engine.templates.expressions.access import DICT_ATTRIBUTES, attribute_of
from engine.templates.expressions.calls import MUTATING, is_pure
from engine.templates.expressions.expression import Expression
from engine.templates.fallback import Fallback
from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.lowering.filters import is_builtin
from engine.templates.scope import Scope, UnsupportedError
from engine.templates.statements.body import Body
from engine.templates.statements.holes import Hole
from engine.templates.values import Value

_APART = (nodes.For, nodes.With, nodes.FilterBlock, nodes.Output, nodes.If)
_ENTANGLED = (
    nodes.Block,
    nodes.Extends,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.NSRef,
    nodes.ContextReference,
)
_BINDING = (nodes.Assign, nodes.AssignBlock, nodes.Macro)


def by_jinja(scope: Scope, body: Body, node: nodes.Node, error: UnsupportedError) -> bool:
    """Print the statement as Jinja2 does; False where it is entangled with what is around it."""
    if not isinstance(node, _APART) or _entangled(node) or scope.muted or not _pure(scope, node):
        return False
    copied = copy.deepcopy(node, {id(scope.environment): scope.environment})  # nodes know their environment
    inputs: dict[str, Expression] = {}
    _prune(scope, copied, inputs)
    if not _free(scope, copied, inputs):
        return False
    made = _rendered(scope, copied, inputs)
    scope.unit.fallbacks.append(
        Fallback(error.template or scope.label, error.line or node.lineno, error.what, error.why)
    )
    body.hole(Hole(made, replace(scope.site, autoescape=False)))
    return True


def _entangled(node: nodes.Node) -> bool:
    if any(node.find(kind) is not None for kind in _ENTANGLED):
        return True
    if not isinstance(node, nodes.For) and (node.find(nodes.Continue) or node.find(nodes.Break)) is not None:
        return True
    return isinstance(node, nodes.If) and any(node.find(kind) is not None for kind in _BINDING)


def _pure(scope: Scope, node: nodes.Node) -> bool:
    """Whether the statement prints the same for the same inputs, leaves them as they are, and asks for no context."""
    for call in node.find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr in MUTATING:
            return False
        if isinstance(call.node, nodes.Name) and call.node.name != "loop":
            bound = scope.names.find(call.node.name)
            target = scope.environment.globals.get(call.node.name)
            if bound is not None or (target is not None and not is_pure(target)):
                return False
    filters = (_asks_nothing(scope, each, scope.environment.filters) for each in node.find_all(nodes.Filter))
    tests = (_asks_nothing(scope, each, scope.environment.tests) for each in node.find_all(nodes.Test))
    return all(filters) and all(tests)


def _asks_nothing(scope: Scope, node: nodes.Filter | nodes.Test, table: Mapping[str, Any]) -> bool:
    """Whether a filter or test draws on its operands alone."""
    if isinstance(node, nodes.Filter) and is_builtin(scope.environment, node.name):
        return node.name != "random"
    return _PassArg.from_obj(table.get(node.name, str)) is not _PassArg.context


def _free(scope: Scope, node: nodes.Node, inputs: dict[str, Expression]) -> bool:
    """Collect the values of the names that the statement reads from outside."""
    tree = nodes.Template([node], lineno=1)
    tree.set_environment(scope.environment)
    for name in sorted(meta.find_undeclared_variables(tree) - set(inputs)):
        bound = scope.resolve(name)
        if not isinstance(bound, Expression) or bound.lazy:
            return False
        inputs[name] = bound
    return all(isinstance(scope.names.find(name), Expression | None) for name in _loaded(node) - set(inputs))


def _loaded(node: nodes.Node) -> set[str]:
    """Names that are read anywhere: a global may be hidden by a macro or module."""
    return {each.name for each in node.find_all(nodes.Name) if each.ctx == "load"}


class _Paths(NodeTransformer):
    """Replaces paths into outer variables by variables of their own."""

    def __init__(self, scope: Scope, inputs: dict[str, Expression], bound: set[str]) -> None:
        self._scope = scope
        self._inputs = inputs
        self._bound = bound

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        """The method of a path is left where it is."""
        if isinstance(node.node, nodes.Getattr):
            node.node.node = self.visit(node.node.node)
            for field in ("args", "kwargs"):
                setattr(node, field, [self.visit(each) for each in getattr(node, field)])
            return node
        return self.generic_visit(node)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802
        made = self._expression(node)
        if made is None:
            return self.generic_visit(node)
        name = f"path_{made.number}"
        self._inputs[name] = made
        return nodes.Name(name, "load", lineno=node.lineno)

    def _expression(self, node: nodes.Node) -> Expression | None:
        if isinstance(node, nodes.Name):
            found = None if node.name in self._bound else self._scope.resolve(node.name)
            return found if isinstance(found, Expression) and not found.lazy else None
        if isinstance(node, nodes.Getattr) and node.attr not in DICT_ATTRIBUTES:
            base = self._expression(node.node)
            return None if base is None else attribute_of(self._scope, base, node.attr)
        return None


def _prune(scope: Scope, node: nodes.Node, inputs: dict[str, Expression]) -> None:
    bound = {each.name for each in node.find_all(nodes.Name) if each.ctx != "load"}
    _Paths(scope, inputs, bound | {"loop", "caller", "varargs", "kwargs"}).visit(node)


def _rendered(scope: Scope, node: nodes.Node, inputs: dict[str, Expression]) -> Expression:
    environment = scope.environment
    names, operands = list(inputs), tuple(inputs.values())
    template = _template(scope, node)

    def render(*values: Any) -> str:
        return template(dict(zip(names, values, strict=True)))

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, render, *(each.at(frame) for each in operands))

    return scope.unit.numbering.operation(("statement", scope.unit.numbering.fresh()), operands, evaluate)


def _template(scope: Scope, node: nodes.Node) -> Callable[[dict[str, Any]], str]:
    environment, body = scope.environment, [node]
    setting = nodes.Keyword("autoescape", nodes.Const(scope.site.autoescape))
    modifier = nodes.ScopedEvalContextModifier([setting], body, lineno=node.lineno)
    tree = nodes.Template([modifier], lineno=1)
    tree.set_environment(environment)
    code = environment.compile(tree, scope.site.template)
    made: Template = environment.template_class.from_code(environment, code, environment.make_globals(None))
    return lambda values: made.render(values)
