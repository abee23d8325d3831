"""The filters: which are lowered, and how any other is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from jinja2 import Environment, Undefined, nodes
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.utils import _PassArg

from engine.templates.columns import to_objects
from engine.templates.expressions.calls import Arguments
from engine.templates.expressions.expression import Expression
from engine.templates.expressions.operators import context_of, folded
from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.lowering import list_filters, number_filters, text_filters
from engine.templates.lowering.list_filters import LAZY, PASSING, READERS, attribute_argument, join_texts, projected
from engine.templates.merging import select
from engine.templates.scope import Scope, Site, UnsupportedError
from engine.templates.truth import truth
from engine.templates.values import Const, Nested, Objects, Texts, Value, bad_rows, union, with_bad

Compile: TypeAlias = Callable[[Scope, Any], Expression]
Lowered: TypeAlias = Callable[[Frame, Site, Value, tuple[Any, ...], dict[str, Any]], Value | None]
LOWERED: Mapping[str, Lowered] = {
    "abs": number_filters.absolute,
    "count": number_filters.length,
    "e": text_filters.escape,
    "escape": text_filters.escape,
    "first": list_filters.first,
    "float": number_filters.real,
    "int": number_filters.integer,
    "last": list_filters.last,
    "length": number_filters.length,
    "lower": text_filters.lower,
    "round": number_filters.round_,
    "safe": text_filters.safe,
    "string": text_filters.string,
    "truncate": text_filters.truncate,
    "upper": text_filters.upper,
}
_RANDOM = frozenset({"random"})


def is_builtin(environment: Environment, name: str) -> bool:
    """Whether the environment's filter of that name is Jinja2's own, or a wrapper of it."""
    function = environment.filters.get(name)
    own = JINJA_FILTERS.get(name)
    return function is not None and own is not None and inspect.unwrap(function) is inspect.unwrap(own)


def filtered(compile_: Compile, scope: Scope, node: nodes.Filter) -> Expression:
    return filter_of(compile_, scope, node, compile_(scope, node.node))


def filter_of(compile_: Compile, scope: Scope, node: nodes.Filter, base: Expression) -> Expression:
    """The filter on an expression."""
    environment, name = scope.environment, node.name
    if name not in environment.filters:  # Jinja2 raises when, and only when, it gets here
        return scope.unit.numbering.constant(None, failed=True)
    arguments = Arguments(compile_, scope, node)
    builtin = is_builtin(environment, name)
    if builtin and name in PASSING:
        return _default(scope, base, arguments)
    function = _function(scope, node, name, builtin)
    operands = (base, *arguments.operands)
    key = _key(scope, name, arguments)
    memo = (key, tuple(each.number for each in arguments.operands)) if arguments.constant else None

    def call(value: Any, *values: Any) -> Any:
        args, kwargs = arguments.spread(values)
        return function(value, *args, **kwargs)

    lowered = _lowering(scope.site, name, arguments) if builtin else None
    attribute = attribute_argument(name, arguments) if builtin else None
    if lowered is None:
        scope.unit.note(scope, node, f"|{name}")
    if name in _RANDOM:
        return scope.unit.numbering.variable(scope.depth, _each(environment, call, operands))

    def evaluate(frame: Frame) -> Value:
        joined = _joined(frame, base, operands[1:], arguments.names) if name == "join" and builtin else None
        if joined is not None:
            return joined
        values = [each.at(frame) for each in operands]
        made = lowered(frame, values[0]) if lowered is not None else None
        if made is not None:
            return made
        if attribute is not None:
            made = _projected(frame, scope.site, name, values, attribute)
            if made is not None:
                return made
        return _applied(frame, environment, call, values, name if builtin else "", memo)

    lazy = builtin and name in LAZY
    fold: Callable[[], Value] | None = None if lazy else (lambda: folded(call, *operands))
    made = scope.unit.numbering.operation(
        key, operands, evaluate, fold=fold, typed=builtin and name in ("length", "count")
    )
    made.lazy = lazy
    if name == "map" and attribute is not None:
        made.mapped = (base, attribute)
    return made


def _joined(frame: Frame, base: Expression, operands: tuple[Expression, ...], names: tuple[str, ...]) -> Value | None:
    """``join`` of a list of texts, or of the texts that are one attribute of a list's items."""
    if names or len(operands) > 1:
        return None
    if base.mapped is not None:
        value = projected(base.mapped[0].at(frame), base.mapped[1])
    else:
        found = base.at(frame)
        value = found if isinstance(found, Nested) else None
    if value is None:
        return None
    return join_texts(value, operands[0].at(frame) if operands else Const(""))


def _projected(frame: Frame, site: Site, name: str, values: list[Value], attribute: str) -> Value | None:
    """A list filter that reads one attribute of its items: over the list of that attribute."""
    environment = site.environment
    made = projected(values[0], attribute)
    if made is None:
        return None
    if name == "map":
        objects = to_objects(made, environment, frame.n)
        held = [[] if each is None else each for each in objects.values]  # of None, ``map`` gives nothing
        return Objects(held, objects.codes, objects.bad, lazy=True)
    if name == "sum":
        return apply(frame, environment, sum, made)
    function = environment.filters[name]
    separator = values[1] if len(values) == 3 else Const("")
    escaping = context_of(environment, site.autoescape)
    return apply(frame, environment, lambda value, d: function(escaping.eval_ctx, value, d), made, separator)


def _each(environment: Environment, call: Any, operands: tuple[Expression, ...]) -> Callable[[Frame], Value]:
    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, call, *(each.at(frame) for each in operands), pure=False)

    return evaluate


def _key(scope: Scope, name: str, arguments: Arguments) -> Any:
    escaping = _PassArg.from_obj(scope.environment.filters[name]) is not None
    site = (id(scope.environment), scope.site.autoescape) if escaping else scope.site.semantics
    return ("filter", name, arguments.shape, site)


def _function(scope: Scope, node: nodes.Filter, name: str, builtin: bool) -> Callable[..., Any]:
    """The filter with what it asks to be passed."""
    environment = scope.environment
    function: Any = environment.filters[name]
    passed = _PassArg.from_obj(function)
    if passed is None:
        return function  # type: ignore[no-any-return]
    if passed is _PassArg.environment:
        first: Any = environment
    else:
        context = context_of(environment, scope.site.autoescape)
        if passed is _PassArg.context and not builtin:
            raise UnsupportedError(node, f"|{name}", "the filter reads the whole context")
        first = context if passed is _PassArg.context else context.eval_ctx

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(first, *args, **kwargs)

    return call


def _lowering(site: Site, name: str, arguments: Arguments) -> Callable[[Frame, Value], Value | None] | None:
    kernel = LOWERED.get(name)
    if kernel is None or not arguments.constant or any(each.const and each.const.failed for each in arguments.operands):
        return None
    args, kwargs = arguments.spread(tuple(each.const.value for each in arguments.operands if each.const is not None))
    fixed = tuple(args)
    return lambda frame, value: kernel(frame, site, value, fixed, kwargs)


def _applied(frame: Frame, environment: Environment, call: Any, values: list[Value], name: str, memo: Any) -> Value:
    value = values[0]
    lazy = name in LAZY
    if name == "reverse" and (isinstance(value, Texts) or (isinstance(value, Const) and isinstance(value.value, str))):
        lazy = False
    if isinstance(value, Objects) and value.lazy:
        if name not in READERS:
            return apply(frame, environment, call, *values)
        values = [Objects(value.values, value.codes, value.bad), *values[1:]]
        call = _from_iterator(call)
    return apply(frame, environment, call, *values, memo=memo, lazy=lazy)


def _from_iterator(call: Any) -> Any:
    def read(value: Any, *values: Any) -> Any:
        return call(iter(value), *values)

    return read


def _default(scope: Scope, base: Expression, arguments: Arguments) -> Expression:
    """``default`` gives its operand or the other one, each as it is."""
    environment = scope.environment
    key = ("default", arguments.shape, scope.site.semantics)
    if (
        arguments.starred
        or arguments.mapped
        or set(arguments.names) - {"default_value", "boolean"}
        or len(arguments.positional) > 2
    ):
        return scope.unit.numbering.constant(None, failed=True)
    other, boolean = _named(arguments, scope)

    def evaluate(frame: Frame) -> Value:
        value = base.at(frame)
        absent = _undefined(value, frame.n)
        switch = boolean.at(frame)
        bad = union(bad_rows(value, frame.n), bad_rows(other.at(frame), frame.n))
        if not isinstance(switch, Const) or switch.failed:
            return apply(frame, environment, _default_call, value, other.at(frame), switch)
        if switch.value:
            known = (
                truth(value, environment, frame.n) if absent is None else truth(value, _lenient(environment), frame.n)
            )
            bad = union(bad, known.bad)
            absent = union(absent, ~known.mask(frame.n))
        if absent is None or not absent.any():
            return with_bad(value, bad, frame.n)
        if absent.all():
            return with_bad(other.at(frame), bad, frame.n)
        return with_bad(select(absent, other.at(frame), value, environment, frame.n), bad, frame.n)

    made = scope.unit.numbering.operation(
        key, (base, other, boolean), evaluate, fold=lambda: folded(_default_call, base, other, boolean)
    )
    made.lazy = made.const is None and (base.lazy or other.lazy)
    return made


def _default_call(value: Any, other: Any, boolean: Any) -> Any:
    return other if isinstance(value, Undefined) or (boolean and not value) else value


def _named(arguments: Arguments, scope: Scope) -> tuple[Expression, Expression]:
    given = dict(zip(("default_value", "boolean"), arguments.positional, strict=False))
    given.update(zip(arguments.names, arguments.named, strict=True))
    numbering = scope.unit.numbering
    return given.get("default_value", numbering.constant("")), given.get("boolean", numbering.constant(False))


class _Lenient:
    """An environment whose undefined is false, for what asks after undefined has been told apart."""

    undefined = Undefined


def _lenient(environment: Environment) -> Any:
    return environment if environment.undefined is Undefined else _Lenient


def _undefined(value: Value, n: int) -> Any:
    """Rows that are undefined, of whatever kind."""
    if isinstance(value, Const):
        return np.ones(n, bool) if isinstance(value.value, Undefined) else None
    if isinstance(value, Objects):
        table = np.fromiter((isinstance(each, Undefined) for each in value.values), bool, len(value.values))
        return table[value.codes] if table.any() else None
    return value.undefined
