"""Output: what is printed, taken apart as far as it can be."""

from __future__ import annotations

from typing import Any

from jinja2 import nodes
from jinja2.nodes import EvalContext, Impossible
from jinja2.optimizer import Optimizer
from jinja2.utils import _PassArg
from markupsafe import escape

from engine.templates.expressions.compile import compile_expression
from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.scope import Scope, UnsupportedError
from engine.templates.statements.body import Body
from engine.templates.statements.holes import Hole, plain
from engine.templates.statements.money import money_hole
from engine.templates.statements.steps import Check, Fail
from engine.templates.values import Value


def evaluation_context(scope: Scope) -> EvalContext:
    """Jinja2's evaluation context at a site."""
    made = EvalContext(scope.environment, scope.site.template)
    made.autoescape = scope.site.autoescape
    return made


def expression(scope: Scope, node: nodes.Node) -> Expression:
    """The expression of a node, folded first as Jinja2 itself folds it."""
    if scope.environment.optimized:
        node = Optimizer(scope.environment).visit(node, evaluation_context(scope))
    made = compile_expression(scope, node)
    scope.unit.met(scope, node, constant=made.const is not None)
    return made


def output(scope: Scope, body: Body, node: nodes.Output) -> None:
    for child in node.nodes:
        if isinstance(child, nodes.TemplateData):
            body.text(child.data)
        elif len(node.nodes) == 1:
            _child(scope, body, child)
        else:  # each alone, so that what is not lowered takes nothing with it
            scope.unit.statement(scope, body, nodes.Output([child], lineno=child.lineno))


def _child(scope: Scope, body: Body, child: nodes.Expr) -> None:
    text = _constant(scope, child)
    if text is not None:
        scope.unit.met(scope, child, constant=True)
        body.text(text)
        return
    if scope.environment.optimized:
        child = Optimizer(scope.environment).visit(child, evaluation_context(scope))
    printed(scope, body, child)


def _constant(scope: Scope, node: nodes.Expr) -> str | None:
    """What Jinja2 prints of an expression that it finds constant; it escapes before it finalizes."""
    finalize = scope.environment.finalize
    try:
        value = node.as_const(evaluation_context(scope))
        if scope.site.autoescape:
            value = escape(value)
        if finalize is not None:
            passed = _PassArg.from_obj(finalize)
            if passed is not None and passed is not _PassArg.environment:
                return None
            value = finalize(scope.environment, value) if passed is not None else finalize(value)
        return plain(value)
    except (Impossible, Exception):
        return None


def printed(scope: Scope, body: Body, node: nodes.Expr) -> None:
    """Print an expression: parts of a concatenation one by one, an inline if as branches, a macro's call as its body."""
    if scope.environment.finalize is None:
        if isinstance(node, nodes.Concat):
            for each in node.nodes:
                printed(scope, body, each)
            return
        if isinstance(node, nodes.CondExpr):
            inline_if(scope, body, node)
            return
        if isinstance(node, nodes.Call) and scope.unit.inliner is not None and scope.unit.inliner(scope, body, node):
            return
        money = money_hole(scope, node)
        if money is not None:
            scope.unit.met(scope, node, constant=False)
            body.hole(money)
            return
    print_expression(scope, body, compile_expression(scope, node), node)


def inline_if(scope: Scope, body: Body, node: nodes.CondExpr) -> None:
    other = [] if node.expr2 is None else [nodes.Output([node.expr2], lineno=node.lineno)]
    made = nodes.If(node.test, [nodes.Output([node.expr1], lineno=node.lineno)], [], other, lineno=node.lineno)
    scope.unit.statement(scope, body, made)


def print_expression(scope: Scope, body: Body, made: Expression, node: nodes.Node) -> None:
    """Print an expression's value."""
    scope.unit.met(scope, node, constant=made.const is not None)
    finalize = scope.environment.finalize
    if finalize is not None:
        made = _finalized(scope, made, node)
    if made.const is None:
        body.hole(Hole(made, scope.site))
        return
    try:
        if made.const.failed:
            raise ValueError
        value = made.const.value
        body.text(plain(escape(value) if scope.site.autoescape else value))
    except Exception:
        body.silent(Fail())


def _finalized(scope: Scope, made: Expression, node: nodes.Node) -> Expression:
    environment = scope.environment
    finalize: Any = environment.finalize
    passed = _PassArg.from_obj(finalize)
    if passed is _PassArg.context:
        raise UnsupportedError(node, "finalize", "it reads the whole context")
    if passed is _PassArg.environment:
        first: tuple[Any, ...] = (environment,)
    else:
        first = () if passed is None else (evaluation_context(scope),)

    def call(value: Any) -> Any:
        return finalize(*first, value)

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, call, made.at(frame))

    return scope.unit.numbering.operation(("finalize", scope.site.autoescape), (made,), evaluate)


def check(body: Body, made: Expression) -> None:
    """Evaluate for its exceptions alone."""
    if made.const is None:
        body.silent(Check(made))
    elif made.const.failed:
        body.silent(Fail())
