"""Tests: ``is defined``, ``is none``, ``is even`` and the others."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from jinja2 import Undefined, nodes
from jinja2.tests import TESTS
from jinja2.utils import _PassArg

from engine.templates.expressions.calls import Arguments
from engine.templates.expressions.expression import Expression
from engine.templates.expressions.operators import compare_operation, context_of, folded
from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.scope import Binding, Scope, UnsupportedError
from engine.templates.values import Const, Nested, Numbers, Objects, Texts, Value, none_rows, union

Compile: TypeAlias = Callable[[Scope, Any], Expression]
JINJA_TESTS: Mapping[str, Any] = TESTS
COMPARISONS: Mapping[str, str] = {
    "==": "eq",
    "eq": "eq",
    "equalto": "eq",
    "!=": "ne",
    "ne": "ne",
    ">": "gt",
    "gt": "gt",
    "greaterthan": "gt",
    ">=": "gteq",
    "ge": "gteq",
    "<": "lt",
    "lt": "lt",
    "lessthan": "lt",
    "<=": "lteq",
    "le": "lteq",
    "in": "in",
}
# Their answer depends on an object's type alone.
BY_TYPE = frozenset({"mapping", "sequence", "iterable", "string", "number", "boolean", "integer", "float", "callable"})


def test(compile_: Compile, scope: Scope, node: nodes.Test) -> Expression:
    environment, name = scope.environment, node.name
    if name not in environment.tests:
        return scope.unit.numbering.constant(None, failed=True)
    given: Any = environment.tests[name]
    builtin = inspect.unwrap(given) is JINJA_TESTS.get(name)
    bound = _bound(scope, node.node)
    if bound is not None and not isinstance(bound, Expression):
        if builtin and name in ("defined", "undefined"):
            return scope.unit.numbering.constant(name == "defined")
        raise UnsupportedError(node, f"is {name}", "a test of something that is not a value")
    base = compile_(scope, node.node)
    arguments = Arguments(compile_, scope, node)
    if builtin and name in COMPARISONS and len(arguments.positional) == 1 and len(arguments.operands) == 1:
        return compare_operation(scope, COMPARISONS[name], base, arguments.positional[0])
    return _tested(scope, node, base, arguments, builtin)


def _bound(scope: Scope, node: nodes.Node) -> Binding | None:
    return scope.resolve(node.name) if isinstance(node, nodes.Name) else None


def _tested(scope: Scope, node: nodes.Test, base: Expression, arguments: Arguments, builtin: bool) -> Expression:
    environment, name = scope.environment, node.name
    function = _function(scope, node)
    operands = (base, *arguments.operands)

    def call(value: Any, *values: Any) -> Any:
        args, kwargs = arguments.spread(values)
        return function(value, *args, **kwargs)

    key = ("test", name, arguments.shape, scope.site.autoescape, scope.site.semantics)

    def evaluate(frame: Frame) -> Value:
        values = [each.at(frame) for each in operands]
        made = _known(name, values, frame.n) if builtin else None
        return apply(frame, environment, call, *values) if made is None else made

    return scope.unit.numbering.operation(key, operands, evaluate, fold=lambda: folded(call, *operands))


def _function(scope: Scope, node: nodes.Test) -> Callable[..., Any]:
    environment = scope.environment
    function: Any = environment.tests[node.name]
    passed = _PassArg.from_obj(function)
    if passed is None:
        return function  # type: ignore[no-any-return]
    if passed is _PassArg.context:
        raise UnsupportedError(node, f"is {node.name}", "the test reads the whole context")
    context = context_of(environment, scope.site.autoescape)
    first: Any = environment if passed is _PassArg.environment else context.eval_ctx

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(first, *args, **kwargs)

    return call


def _known(name: str, values: list[Value], n: int) -> Value | None:
    value = values[0]
    if isinstance(value, Const):
        return None
    if name in ("defined", "undefined") and len(values) == 1:
        return _defined(value, name == "defined", n)
    if name == "none" and len(values) == 1:
        none = none_rows(value, n)
        return Numbers(np.zeros(n, bool) if none is None else none, bad=value.bad)
    if name in ("odd", "even", "divisibleby") and isinstance(value, Numbers):
        return _divisible(name, value, values[1:])
    if name in BY_TYPE and isinstance(value, Nested | Texts) and len(values) == 1:
        return _by_type(name, value, n)
    return None


def _defined(value: Value, wanted: bool, n: int) -> Numbers:
    if isinstance(value, Objects):
        table = np.fromiter((isinstance(each, Undefined) for each in value.values), bool, len(value.values))
        undefined: Any = table[value.codes]
        return Numbers(~undefined if wanted else undefined, bad=value.bad)
    if isinstance(value, Const):
        raise TypeError("a column expected")
    undefined = np.zeros(n, bool) if value.undefined is None else value.undefined
    return Numbers(~undefined if wanted else undefined, bad=value.bad)


def _divisible(name: str, value: Numbers, rest: list[Value]) -> Numbers | None:
    divisor: Any = 2
    if name == "divisibleby":
        divisor = rest[0].value if len(rest) == 1 and isinstance(rest[0], Const) else None
    elif rest:
        return None
    if value.data.dtype == np.float64 or type(divisor) is not int or divisor <= 0:
        return None
    remainder = value.data.astype(np.int64) % divisor
    bad = union(value.bad, value.none, value.undefined)
    return Numbers(remainder == (1 if name == "odd" else 0), bad=bad)


def _by_type(name: str, value: Nested | Texts, n: int) -> Numbers | None:
    if value.undefined is not None:
        return None
    sample: Any = "" if isinstance(value, Texts) else ([] if pa.types.is_list(value.array.type) else {})
    function = JINJA_TESTS[name]
    answers = np.full(n, function(sample))
    none = none_rows(value, n)
    if none is not None:
        answers[none] = function(None)
    return Numbers(answers, bad=value.bad)
