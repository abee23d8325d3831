"""The expression compiler: which node is compiled by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jinja2 import nodes
from markupsafe import Markup

from engine.templates.expressions import access, calls, operators, tests
from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.lowering import filters
from engine.templates.scope import Scope, UnsupportedError
from engine.templates.values import Value

Compiled = Callable[[Scope, Any], Expression]


def compile_expression(scope: Scope, node: nodes.Node) -> Expression:
    """The expression of a node. Raises ``UnsupportedError``."""
    compiler = _COMPILERS.get(type(node))
    if compiler is None:
        raise UnsupportedError(node, type(node).__name__, "this kind of expression is not lowered")
    return compiler(scope, node)


def _constant(scope: Scope, node: nodes.Const) -> Expression:
    return scope.unit.numbering.constant(node.value)


def _data(scope: Scope, node: nodes.TemplateData) -> Expression:
    return scope.unit.numbering.constant(Markup(node.data) if scope.site.autoescape else node.data)  # noqa: S704


def _safe(scope: Scope, node: nodes.MarkSafe | nodes.MarkSafeIfAutoescape) -> Expression:
    inner = compile_expression(scope, node.expr)
    if isinstance(node, nodes.MarkSafeIfAutoescape) and not scope.site.autoescape:
        return inner
    return marked_safe(scope, inner)


def marked_safe(scope: Scope, inner: Expression) -> Expression:
    """``Markup`` of a value."""
    environment = scope.environment

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, Markup, inner.at(frame))

    key = ("markup", scope.site.semantics)
    return scope.unit.numbering.operation(key, (inner,), evaluate, fold=lambda: operators.folded(Markup, inner))


_SHARED: Mapping[type[nodes.Node], Callable[[Compiled, Scope, Any], Expression]] = {
    nodes.Add: operators.binary,
    nodes.And: operators.logical,
    nodes.Call: calls.call,
    nodes.Compare: operators.comparison,
    nodes.Concat: operators.concatenation,
    nodes.CondExpr: operators.inline_if,
    nodes.Dict: operators.mapping,
    nodes.Div: operators.binary,
    nodes.Filter: filters.filtered,
    nodes.FloorDiv: operators.binary,
    nodes.Getattr: access.attribute,
    nodes.Getitem: access.item,
    nodes.List: operators.sequence,
    nodes.Mod: operators.binary,
    nodes.Mul: operators.binary,
    nodes.Neg: operators.unary,
    nodes.Not: operators.negation,
    nodes.Or: operators.logical,
    nodes.Pos: operators.unary,
    nodes.Pow: operators.binary,
    nodes.Sub: operators.binary,
    nodes.Test: tests.test,
    nodes.Tuple: operators.sequence,
}
_COMPILERS: dict[type[nodes.Node], Compiled] = {
    nodes.Const: _constant,
    nodes.MarkSafe: _safe,
    nodes.MarkSafeIfAutoescape: _safe,
    nodes.Name: access.name,
    nodes.TemplateData: _data,
    **{kind: partial(compiler, compile_expression) for kind, compiler in _SHARED.items()},
}
