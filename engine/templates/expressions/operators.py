"""Operators: arithmetic, comparison, logic, concatenation, inline if, and literals of lists, tuples and dicts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, Undefined, nodes
from jinja2.runtime import markup_join, new_context, str_join

from engine.templates.arithmetic import arithmetic, compare, negative
from engine.templates.expressions.expression import Expression
from engine.templates.expressions.identity import by_value
from engine.templates.frame import Frame
from engine.templates.generic import apply, bounded, constant
from engine.templates.merging import select
from engine.templates.scope import Scope
from engine.templates.truth import Truth, truth
from engine.templates.values import (
    Const,
    Mask,
    Numbers,
    Texts,
    Value,
    absent_rows,
    bad_rows,
    none_rows,
    union,
    with_bad,
    within,
)

Compile: TypeAlias = Callable[[Scope, Any], Expression]
_BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: bounded(left + right),
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "**": operator.pow,
    "%": operator.mod,
}
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}
_TEXT_COMPARE = {"lt": pc.less, "lteq": pc.less_equal, "gt": pc.greater, "gteq": pc.greater_equal}


def context_of(environment: Environment, autoescape: bool) -> Any:
    """A Jinja2 context with no variables, for what asks for one but reads only its environment or escaping."""
    context = new_context(environment, None, {}, globals=environment.globals)
    context.eval_ctx.autoescape = autoescape
    return context


def binary_function(environment: Environment, symbol: str) -> Callable[[Any, Any], Any]:
    """The operator as the environment has it."""
    call_binop = getattr(environment, "call_binop", None)
    if environment.sandboxed and symbol in environment.intercepted_binops and call_binop is not None:  # type: ignore[attr-defined]
        context = context_of(environment, False)
        return lambda left, right: call_binop(context, symbol, left, right)
    return _BINARY[symbol]


def binary(compile_: Compile, scope: Scope, node: nodes.BinExpr) -> Expression:
    left, right = compile_(scope, node.left), compile_(scope, node.right)
    return arithmetic_operation(scope, node.operator, left, right)


def arithmetic_operation(scope: Scope, symbol: str, left: Expression, right: Expression) -> Expression:
    environment = scope.environment
    function = binary_function(environment, symbol)

    def evaluate(frame: Frame) -> Value:
        a, b = left.at(frame), right.at(frame)
        made = arithmetic(symbol, a, b)
        return apply(frame, environment, by_value(function), a, b) if made is None else made

    return scope.unit.numbering.operation(
        (symbol, scope.site.semantics), (left, right), evaluate, fold=lambda: folded(function, left, right), typed=True
    )


def folded(function: Callable[..., Any], *operands: Expression) -> Value:
    """An operation on constants, done now."""
    return constant(function, *(operand.const for operand in operands if operand.const is not None))


def unary(compile_: Compile, scope: Scope, node: nodes.UnaryExpr) -> Expression:
    operand = compile_(scope, node.node)
    environment = scope.environment
    function: Callable[[Any], Any] = operator.neg if node.operator == "-" else operator.pos
    if environment.sandboxed and node.operator in environment.intercepted_unops:  # type: ignore[attr-defined]
        context, call_unop, symbol = context_of(environment, False), environment.call_unop, node.operator  # type: ignore[attr-defined]

        def function(value: Any) -> Any:
            return call_unop(context, symbol, value)

    def evaluate(frame: Frame) -> Value:
        value = operand.at(frame)
        made = negative(value) if node.operator == "-" else None
        return apply(frame, environment, function, value) if made is None else made

    key = ("unary", node.operator, scope.site.semantics)
    return scope.unit.numbering.operation(key, (operand,), evaluate, fold=lambda: folded(function, operand))


def comparison(compile_: Compile, scope: Scope, node: nodes.Compare) -> Expression:
    """A chain of comparisons; each operand is evaluated once, and only while the chain holds."""
    operands = [compile_(scope, node.expr), *(compile_(scope, each.expr) for each in node.ops)]
    links = [
        compare_operation(scope, each.op, operands[place], operands[place + 1]) for place, each in enumerate(node.ops)
    ]
    made = links[-1]
    for link in reversed(links[:-1]):
        made = logic(scope, True, link, made)
    return made


def compare_operation(scope: Scope, symbol: str, left: Expression, right: Expression) -> Expression:
    environment = scope.environment
    function = _COMPARE[symbol]

    def evaluate(frame: Frame) -> Value:
        a, b = left.at(frame), right.at(frame)
        made = _compared(symbol, a, b, environment, frame.n)
        return apply(frame, environment, by_value(function), a, b) if made is None else made

    return scope.unit.numbering.operation(
        (symbol, scope.site.semantics), (left, right), evaluate, fold=lambda: folded(function, left, right)
    )


def _compared(symbol: str, a: Value, b: Value, environment: Environment, n: int) -> Numbers | None:
    if symbol in ("eq", "ne"):
        return _equality(symbol, a, b, environment, n)
    made = compare(symbol, a, b)
    if made is None:
        made = _text_order(symbol, a, b)
    if made is None:
        return None
    refusing = [absent_rows(each, n) for each in (a, b) if not isinstance(each, Const)]
    return Numbers(made, bad=union(bad_rows(a, n), bad_rows(b, n), *refusing))


def _equality(symbol: str, a: Value, b: Value, environment: Environment, n: int) -> Numbers | None:
    same = compare("eq", a, b)
    if same is None:
        same = _text_equality(a, b)
    if same is None:
        return None
    bad = union(bad_rows(a, n), bad_rows(b, n))
    columns = [each for each in (a, b) if isinstance(each, Numbers | Texts)]
    undefined = [each.undefined for each in columns]
    if environment.undefined is not Undefined:
        bad = union(bad, *undefined)
    same = _absent_alike(same, undefined)
    same = _absent_alike(same, [none_rows(each, n) for each in columns])
    return Numbers(same if symbol == "eq" else ~same, bad=bad)


def _absent_alike(same: Any, absent: list[Mask]) -> Any:
    """None equals None alone, and undefined equals undefined."""
    either = union(*absent)
    if either is None:
        return same
    both = absent[0] & absent[1] if len(absent) == 2 and absent[0] is not None and absent[1] is not None else None
    same = same & ~either
    return same if both is None else same | both


def _text_equality(a: Value, b: Value) -> Any:
    if isinstance(b, Texts) and isinstance(a, Const):
        a, b = b, a
    if isinstance(a, Texts) and isinstance(b, Const) and isinstance(b.value, str):
        table = pc.equal(a.array, pa.scalar(str(b.value), pa.string()))
        return _by_code(table, a)
    if isinstance(a, Texts) and isinstance(b, Texts):
        return pc.fill_null(pc.equal(_rows(a), _rows(b)), False).to_numpy(zero_copy_only=False)
    return None


def _by_code(table: Any, value: Texts) -> Any:
    made = pc.fill_null(table, False).to_numpy(zero_copy_only=False)
    return made if value.codes is None else made[value.codes]


def _rows(value: Texts) -> pa.StringArray:
    return value.array if value.codes is None else value.array.take(pa.array(value.codes))


def _text_order(symbol: str, a: Value, b: Value) -> Any:
    """UTF-8 sorts as its code points do."""
    if symbol not in _TEXT_COMPARE or not isinstance(a, Texts):
        return None
    if isinstance(b, Const) and isinstance(b.value, str):
        return _by_code(_TEXT_COMPARE[symbol](a.array, pa.scalar(str(b.value), pa.string())), a)
    if isinstance(b, Texts):
        return pc.fill_null(_TEXT_COMPARE[symbol](_rows(a), _rows(b)), False).to_numpy(zero_copy_only=False)
    return None


def logical(compile_: Compile, scope: Scope, node: nodes.And | nodes.Or) -> Expression:
    return logic(scope, isinstance(node, nodes.And), compile_(scope, node.left), compile_(scope, node.right))


def logic(scope: Scope, both: bool, left: Expression, right: Expression) -> Expression:
    """``and`` and ``or`` give one of their operands; the right one counts, and may raise, only where the left does not decide."""
    environment = scope.environment
    if left.const is not None:
        decided = truth(left.const, environment, 1)
        if decided.bad is not None:
            return left
        return right if bool(decided.true) == both else left

    def evaluate(frame: Frame) -> Value:
        first = left.at(frame)
        decided = truth(first, environment, frame.n)
        if isinstance(decided.true, bool) and decided.bad is None:
            return right.at(frame) if decided.true == both else first
        mask = decided.mask(frame.n)
        second = right.at(frame)
        bools = _both_bool(both, first, second, mask)
        taken = mask if both else ~mask
        made = select(taken, second, first, environment, frame.n) if bools is None else bools
        return with_bad(made, decided.bad, frame.n)

    return scope.unit.numbering.operation(("and" if both else "or", scope.site.semantics), (left, right), evaluate)


def _both_bool(both: bool, first: Value, second: Value, mask: Any) -> Numbers | None:
    if (
        not (_plain_bool(first) and _plain_bool(second))
        or not isinstance(first, Numbers)
        or not isinstance(second, Numbers)
    ):
        return None
    data = mask & second.data if both else mask | second.data
    return Numbers(data, bad=union(first.bad, within(second.bad, mask if both else ~mask)))


def _plain_bool(value: Value) -> bool:
    return (
        isinstance(value, Numbers) and value.data.dtype == np.bool_ and value.none is None and value.undefined is None
    )


def condition(environment: Environment, test: Expression, frame: Frame) -> Truth:
    """The truth of a test."""
    return truth(test.at(frame), environment, frame.n)


def negation(compile_: Compile, scope: Scope, node: nodes.Not) -> Expression:
    operand = compile_(scope, node.node)
    environment = scope.environment

    def evaluate(frame: Frame) -> Value:
        decided = truth(operand.at(frame), environment, frame.n)
        if isinstance(decided.true, bool) and decided.bad is None:
            return Const(not decided.true)
        return Numbers(~decided.mask(frame.n), bad=decided.bad)

    return scope.unit.numbering.operation(
        ("not", scope.site.semantics), (operand,), evaluate, fold=lambda: folded(operator.not_, operand)
    )


def inline_if(compile_: Compile, scope: Scope, node: nodes.CondExpr) -> Expression:
    test = compile_(scope, node.test)
    environment = scope.environment
    if test.const is not None:
        decided = truth(test.const, environment, 1)
        if decided.bad is not None:
            return scope.unit.numbering.constant(None, failed=True)
        return _arm(compile_, scope, node.expr1 if decided.true else node.expr2)
    first, second = _arm(compile_, scope, node.expr1), _arm(compile_, scope, node.expr2)

    def evaluate(frame: Frame) -> Value:
        decided = truth(test.at(frame), environment, frame.n)
        if isinstance(decided.true, bool) and decided.bad is None:
            return (first if decided.true else second).at(frame)
        made = select(decided.mask(frame.n), first.at(frame), second.at(frame), environment, frame.n)
        return with_bad(made, decided.bad, frame.n)

    return scope.unit.numbering.operation(("if", scope.site.semantics), (test, first, second), evaluate)


def _arm(compile_: Compile, scope: Scope, node: nodes.Expr | None) -> Expression:
    if node is None:  # Jinja2 takes its own undefined here, whatever the environment's is
        return scope.unit.numbering.constant(
            Undefined("the inline if-expression evaluated to false and no else section was defined.")
        )
    return compile_(scope, node)


def concatenation(compile_: Compile, scope: Scope, node: nodes.Concat) -> Expression:
    parts = tuple(compile_(scope, each) for each in node.nodes)
    return joined(scope, parts)


def joined(scope: Scope, parts: tuple[Expression, ...]) -> Expression:
    """``~``: the texts one after the other; escaped around Markup where the site escapes."""
    environment, autoescape = scope.environment, scope.site.autoescape
    function = markup_join if autoescape else str_join

    def call(*values: Any) -> Any:
        return bounded(function(values))

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, call, *(part.at(frame) for part in parts))

    key = ("~", autoescape, scope.site.semantics)
    return scope.unit.numbering.operation(key, parts, evaluate, fold=lambda: folded(call, *parts))


def sequence(compile_: Compile, scope: Scope, node: nodes.List | nodes.Tuple) -> Expression:
    items = tuple(compile_(scope, each) for each in node.items)
    environment = scope.environment
    kind: Callable[[Any], Any] = list if isinstance(node, nodes.List) else tuple

    def call(*values: Any) -> Any:
        return bounded(kind(values))

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, call, *(item.at(frame) for item in items))

    return scope.unit.numbering.operation(
        (kind.__name__, scope.site.semantics), items, evaluate, fold=lambda: folded(call, *items)
    )


def collected(scope: Scope, items: tuple[Expression, ...], keys: list[str] | None) -> Expression:
    """A tuple of the items, or a dict where there are keys."""
    environment = scope.environment

    def call(*values: Any) -> Any:
        return bounded(values if keys is None else dict(zip(keys, values, strict=True)))

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, call, *(item.at(frame) for item in items))

    key = ("collected", None if keys is None else tuple(keys), scope.site.semantics)
    return scope.unit.numbering.operation(key, items, evaluate, fold=lambda: folded(call, *items))


def mapping(compile_: Compile, scope: Scope, node: nodes.Dict) -> Expression:
    flat = tuple(compile_(scope, each) for pair in node.items for each in (pair.key, pair.value))
    environment = scope.environment

    def call(*values: Any) -> Any:
        return bounded(dict(zip(values[::2], values[1::2], strict=True)))

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, call, *(item.at(frame) for item in flat))

    return scope.unit.numbering.operation(
        ("dict", scope.site.semantics), flat, evaluate, fold=lambda: folded(call, *flat)
    )
