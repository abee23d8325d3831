"""Calls: methods of values, global functions, macros, blocks and the loop's own functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from jinja2 import Environment, Undefined, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment
from jinja2.utils import _PassArg

from engine.templates.columns import to_objects
from engine.templates.expressions.access import binding_of, bound_attribute, owner_of, plain_access
from engine.templates.expressions.expression import Expression
from engine.templates.expressions.operators import context_of, folded
from engine.templates.frame import Frame
from engine.templates.generic import apply, bounded
from engine.templates.merging import stacked
from engine.templates.sandbox import CampaignEnvironment
from engine.templates.scope import Loop, Macro, Module, Scope, SelfBlocks, SuperBlock, UnsupportedError
from engine.templates.values import Numbers, Objects, Value, bad_rows, gather, union, with_bad

Compile: TypeAlias = Callable[[Scope, Any], Expression]
MUTATING = frozenset(
    {
        "add",
        "append",
        "appendleft",
        "clear",
        "difference_update",
        "discard",
        "extend",
        "extendleft",
        "insert",
        "intersection_update",
        "pop",
        "popitem",
        "popleft",
        "remove",
        "reverse",
        "rotate",
        "setdefault",
        "sort",
        "symmetric_difference_update",
        "update",
        "next",
        "reset",
        "send",
        "throw",
        "close",
        "write",
        "read",
    }
)
# Methods of texts that every sandbox allows, and whose cost and result are in proportion to the text.
LINEAR_METHODS = frozenset(
    {
        "capitalize",
        "casefold",
        "endswith",
        "isalpha",
        "isdigit",
        "islower",
        "isupper",
        "lower",
        "lstrip",
        "rstrip",
        "split",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "upper",
    }
)
PURE_MODULES = frozenset({"jinja2.ext", "gettext"})


class Arguments:
    """The operands of a call, a filter or a test, and how to put them back into a call."""

    def __init__(self, compile_: Compile, scope: Scope, node: nodes.Call | nodes.Filter | nodes.Test) -> None:
        self.positional = tuple(compile_(scope, each) for each in node.args)
        self.names: tuple[str, ...] = tuple(str(each.key) for each in node.kwargs)
        self.named = tuple(compile_(scope, each.value) for each in node.kwargs)
        self.starred = tuple(compile_(scope, each) for each in (node.dyn_args,) if each is not None)
        self.mapped = tuple(compile_(scope, each) for each in (node.dyn_kwargs,) if each is not None)

    @property
    def operands(self) -> tuple[Expression, ...]:
        return (*self.positional, *self.named, *self.starred, *self.mapped)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What distinguishes two calls with the same operands."""
        return (len(self.positional), self.names, len(self.starred), len(self.mapped))

    def spread(self, values: tuple[Any, ...]) -> tuple[list[Any], dict[str, Any]]:
        """The operands' values as positional and named arguments."""
        count, named = len(self.positional), len(self.names)
        args = list(values[:count])
        kwargs: dict[str, Any] = dict(zip(self.names, values[count : count + named], strict=True))
        rest = list(values[count + named :])
        if self.starred:
            args.extend(rest.pop(0))
        if self.mapped:
            kwargs.update(rest.pop(0))
        return args, kwargs

    @property
    def constant(self) -> bool:
        return all(each.const is not None for each in self.operands)


def call(compile_: Compile, scope: Scope, node: nodes.Call) -> Expression:
    bound = binding_of(scope, node.node)
    if isinstance(bound, Macro | SuperBlock) or macro_of(scope, node) is not None:
        return scope.unit.capture(scope, node)
    if isinstance(bound, Loop):
        raise UnsupportedError(node, "loop()", "recursive loops are not lowered")
    if isinstance(node.node, nodes.Getattr | nodes.Getitem):
        holder = binding_of(scope, node.node.node)
        if isinstance(holder, SelfBlocks):
            return scope.unit.capture(scope, node)
        if isinstance(holder, Loop) and isinstance(node.node, nodes.Getattr):
            return _loop_call(compile_, scope, node, holder, node.node.attr)
    if isinstance(node.node, nodes.Getattr):
        return _method(compile_, scope, node, node.node)
    return _function(compile_, scope, node)


def macro_of(scope: Scope, node: nodes.Call) -> Macro | None:
    """The macro that a call names, directly or in an imported module."""
    target = node.node
    if isinstance(target, nodes.Name):
        bound = scope.resolve(target.name)
        return bound if isinstance(bound, Macro) else None
    if isinstance(target, nodes.Getattr | nodes.Getitem):
        owner = binding_of(scope, target.node)
        if isinstance(owner, Module):
            key = target.attr if isinstance(target, nodes.Getattr) else getattr(target.arg, "value", None)
            found = owner.names.exported(key) if isinstance(key, str) else None
            return found if isinstance(found, Macro) else None
    return None


def caller_of(environment: Environment, autoescape: bool) -> Callable[..., Any]:
    """How the environment calls things."""
    context = context_of(environment, autoescape)
    if environment.sandboxed:
        call_ = environment.call  # type: ignore[attr-defined]
        return lambda target, *args, **kwargs: call_(context, target, *args, **kwargs)
    made: Callable[..., Any] = context.call
    return made


def _method(compile_: Compile, scope: Scope, node: nodes.Call, target: nodes.Getattr) -> Expression:
    owner = binding_of(scope, target.node)
    if owner is not None and not isinstance(owner, Expression):
        callee = bound_attribute(scope, target, owner, target.attr)
        return _called(compile_, scope, node, callee, pure=False)
    if target.attr in MUTATING:
        raise UnsupportedError(node, f"{target.attr}()", "it may change the value that it is called on")
    base = compile_(scope, target.node)
    arguments = Arguments(compile_, scope, node)
    environment, attr = scope.environment, target.attr
    invoke = caller_of(environment, scope.site.autoescape)
    pure = base.const is None or _is_data(base.const.value)

    direct = getattr(str, attr) if attr in LINEAR_METHODS and _own_calls(environment) and not arguments.names else None

    def function(value: Any, *values: Any) -> Any:
        args, kwargs = arguments.spread(values)
        if direct is not None and type(value) is str:
            return direct(value, *args, **kwargs)
        return invoke(environment.getattr(value, attr), *args, **kwargs)

    operands = (base, *arguments.operands)
    key = ("method", attr, arguments.shape, scope.site.autoescape, scope.site.semantics)
    memo = (key, tuple(each.number for each in arguments.operands)) if arguments.constant else None
    scope.unit.note(scope, node, f".{attr}()")

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, function, *(each.at(frame) for each in operands), memo=memo, pure=pure)

    if not pure:
        return scope.unit.numbering.variable(scope.depth, evaluate)
    return scope.unit.numbering.operation(key, operands, evaluate, fold=lambda: folded(function, *operands))


def _own_calls(environment: Environment) -> bool:
    """Whether a text's methods are looked up and called as Jinja2 does, or as the sandbox of campaigns does, which lets these pass."""
    if not plain_access(environment) or type(environment).context_class is not Context:
        return False
    if not isinstance(environment, SandboxedEnvironment):
        return not environment.sandboxed
    kind = type(environment)
    return kind in (SandboxedEnvironment, ImmutableSandboxedEnvironment, CampaignEnvironment)


def _is_data(value: Any) -> bool:
    """Whether a value is plain data, whose methods give the same on every call."""
    module = type(value).__module__
    return module in (
        "builtins",
        "datetime",
        "decimal",
        "markupsafe",
        "collections",
        "uuid",
        "fractions",
        "zoneinfo",
    ) or (module == "jinja2.runtime")


def _function(compile_: Compile, scope: Scope, node: nodes.Call) -> Expression:
    return _called(compile_, scope, node, compile_(scope, node.node), pure=None)


def _called(compile_: Compile, scope: Scope, node: nodes.Call, callee: Expression, pure: bool | None) -> Expression:
    arguments = Arguments(compile_, scope, node)
    target = callee.const.value if callee.const is not None else None
    if callee.const is not None and (callee.const.failed or isinstance(target, Undefined)):
        return scope.unit.numbering.constant(None, failed=True)
    if pure is None:
        pure = is_pure(target)
    if callee.const is not None:
        _check_context(node, target)
    environment = scope.environment
    invoke = caller_of(environment, scope.site.autoescape)

    def function(value: Any, *values: Any) -> Any:
        args, kwargs = arguments.spread(values)
        return bounded(invoke(value, *args, **kwargs))

    operands = (callee, *arguments.operands)

    def evaluate(frame: Frame) -> Value:
        return apply(frame, environment, function, *(each.at(frame) for each in operands), pure=pure)

    if not pure:
        scope.unit.note(scope, node, "call of a function, for each row")
        return scope.unit.numbering.variable(scope.depth, evaluate)
    key = ("call", arguments.shape, scope.site.autoescape, scope.site.semantics)
    return scope.unit.numbering.operation(key, operands, evaluate, fold=lambda: folded(function, *operands))


def is_pure(target: Any) -> bool:
    """Functions that give the same for the same: ``range``, ``dict`` and translations."""
    if target is range or target is dict or getattr(target, "__name__", "") in ("safe_range", "limited_range"):
        return True
    return getattr(target, "__module__", None) in PURE_MODULES


def _check_context(node: nodes.Call, target: Any) -> None:
    if isinstance(target, type) and target is not dict and target is not range:
        raise UnsupportedError(node, f"{target.__name__}()", "an object with a state of its own")
    called: Any = getattr(target, "__call__", None)  # noqa: B004
    passed = _PassArg.from_obj(target) or _PassArg.from_obj(called)
    if passed is _PassArg.context and getattr(target, "__module__", None) not in PURE_MODULES:
        raise UnsupportedError(node, "function", "it reads the whole context")


def _loop_call(compile_: Compile, scope: Scope, node: nodes.Call, loop: Loop, attr: str) -> Expression:
    arguments = tuple(compile_(scope, each) for each in node.args)
    if attr == "cycle" and arguments and not node.kwargs and node.dyn_args is None and node.dyn_kwargs is None:
        return _cycle(scope, loop, arguments)
    if (
        attr == "changed"
        and loop.changed is not None
        and not node.kwargs
        and node.dyn_args is None
        and node.dyn_kwargs is None
    ):
        return _changed(scope, loop.changed, arguments)
    raise UnsupportedError(node, f"loop.{attr}()", "it is not lowered")


def _changed(scope: Scope, depth: int, arguments: tuple[Expression, ...]) -> Expression:
    """Whether the arguments differ from those of the call before, in the same loop of the same row."""
    environment = scope.environment

    def evaluate(frame: Frame) -> Value:
        columns = [to_objects(each.at(frame), environment, frame.n) for each in arguments]
        owner = owner_of(frame, depth)
        belongs = frame.rows_in(owner).tolist()
        made = np.zeros(frame.n, bool)
        lost = np.zeros(frame.n, bool)
        last: dict[int, tuple[Any, ...]] = {}
        for row, values in enumerate(zip(*(_rows_of(each) for each in columns), strict=True)):
            try:
                made[row] = belongs[row] not in last or last[belongs[row]] != values
                lost[row] = any(isinstance(each, float) and math.isnan(each) for each in values)
            except Exception:
                lost[row] = True
            last[belongs[row]] = values
        return Numbers(made, bad=union(lost if lost.any() else None, *(each.bad for each in columns)))

    return scope.unit.numbering.operation(
        ("changed", scope.unit.numbering.fresh()), arguments, evaluate, depth=scope.depth
    )


def _rows_of(value: Objects) -> list[Any]:
    return [value.values[code] for code in value.codes.tolist()]


def _cycle(scope: Scope, loop: Loop, arguments: tuple[Expression, ...]) -> Expression:
    index = loop.fields["index0"]
    environment = scope.environment
    constant = index.const

    def evaluate(frame: Frame) -> Value:
        turn: Any = constant.value if constant is not None else index.at(frame).data  # type: ignore[union-attr]
        place = turn % len(arguments)
        values = [each.at(frame) for each in arguments]
        rows = np.arange(frame.n) + place * frame.n
        made = gather(stacked(values, [frame.n] * len(values), environment), rows.astype(np.int32))
        return with_bad(made, union(*(bad_rows(value, frame.n) for value in values)), frame.n)

    return scope.unit.numbering.operation(("cycle", scope.site.semantics), (index, *arguments), evaluate)
