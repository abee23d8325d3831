"""Macros, call blocks, ``caller()``, ``super()`` and ``self.block()``: inlined where they are called."""

from __future__ import annotations

from dataclasses import dataclass, field

from jinja2 import nodes
from jinja2.compiler import find_undeclared

from engine.templates.expressions.calls import macro_of
from engine.templates.expressions.expression import Expression
from engine.templates.expressions.operators import collected
from engine.templates.scope import Binding, Macro, Names, Scope, SelfBlocks, SuperBlock, UnsupportedError
from engine.templates.statements.blocks import block_body
from engine.templates.statements.body import Body
from engine.templates.statements.capture import captured
from engine.templates.statements.output import check, expression
from engine.templates.statements.pinning import pinned
from engine.templates.statements.stateful import take
from engine.templates.statements.steps import Fail


def inline(scope: Scope, body: Body, node: nodes.Call) -> bool:
    """Print the call of a macro or block into the body; False where the call is of something else."""
    macro = macro_of(scope, node)
    if macro is not None:
        inline_macro(scope, body, macro, node, None)
        return True
    if take(scope, body, node):
        return True
    found = _block_of(scope, node)
    if found is None:
        return False
    name, index = found
    block_body(scope, body, node, name, index, scope.top)
    return True


def _block_of(scope: Scope, node: nodes.Call) -> tuple[str, int] | None:
    """The block that ``super()`` or ``self.name()`` calls, and its place in the stack."""
    if isinstance(node.node, nodes.Name):
        bound = scope.resolve(node.node.name)
        if isinstance(bound, SuperBlock):
            return bound.name, bound.index
        return None
    if isinstance(node.node, nodes.Getattr | nodes.Getitem) and isinstance(node.node.node, nodes.Name):
        if not isinstance(scope.resolve(node.node.node.name), SelfBlocks):
            return None
        name = node.node.attr if isinstance(node.node, nodes.Getattr) else getattr(node.node.arg, "value", None)
        if isinstance(name, str) and name in scope.heritage.blocks:
            return name, 0
        raise UnsupportedError(node, f"self.{name}()", "there is no such block")
    return None


def capture(scope: Scope, node: nodes.Call) -> Expression:
    """The text of a call, as a value; Markup where the caller's site escapes."""

    def build(place: Scope, body: Body) -> None:
        if not inline(place, body, node):
            raise UnsupportedError(node, "call", "it is neither a macro nor a block")

    return captured(scope, build, markup=scope.site.autoescape)


@dataclass
class _Given:
    """The arguments of a macro's call."""

    positional: list[Binding] = field(default_factory=list)
    named: dict[str, Binding] = field(default_factory=dict)


def inline_macro(scope: Scope, body: Body, macro: Macro, node: nodes.Call, caller: Macro | None) -> None:
    """Print a macro's body with its parameters bound."""
    if macro.site.template == scope.site.template and macro.site.autoescape != scope.site.autoescape:
        raise UnsupportedError(
            node, macro.name, "a macro is called where escaping is switched otherwise than where it stands"
        )
    calls = scope.called(macro.node, node)
    given = _given(scope, body, node)
    if caller is not None:
        given.named["caller"] = caller
    place = Scope(
        scope.unit,
        macro.names.inner(),
        macro.site,
        scope.depth,
        macro.heritage,
        macro.top,
        scope.loops,
        scope.parallel,
        False,
        False,
        calls,
    )
    if not _bind(place, body, macro, given):
        body.silent(Fail())
        return
    place.names.declare(macro.node.body)
    for each in macro.node.body:
        scope.unit.statement(place, body, each)


def _given(scope: Scope, body: Body, node: nodes.Call) -> _Given:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise UnsupportedError(node, "call", "a macro's arguments are spread from a value")
    given = _Given([_argument(scope, body, each) for each in node.args])
    for each in node.kwargs:
        given.named[each.key] = _argument(scope, body, each.value)
    return given


def _argument(scope: Scope, body: Body, node: nodes.Expr) -> Binding:
    if isinstance(node, nodes.Name):
        bound = scope.resolve(node.name)
        if isinstance(bound, Macro):
            return bound
    made = pinned(scope, expression(scope, node))
    check(body, made)
    return made


def _bind(place: Scope, body: Body, macro: Macro, given: _Given) -> bool:
    """Bind the parameters as ``jinja2.runtime.Macro`` does; False where the call does not fit."""
    names, environment, numbering = place.names, place.environment, place.unit.numbering
    parameters = [each.name for each in macro.node.args]
    defaults = dict(zip(parameters[len(parameters) - len(macro.node.defaults) :], macro.node.defaults, strict=True))
    special = set(find_undeclared(macro.node.body, ("caller", "kwargs", "varargs"))) - set(parameters)
    values = dict(zip(parameters, given.positional, strict=False))
    for name in parameters[len(given.positional) :]:
        if name in given.named:
            values[name] = given.named.pop(name)
    for name in parameters:
        names.bind(name, values.get(name, numbering.constant(environment.undefined(name=name))))
    for name in parameters:
        if name not in values:
            names.bind(name, _default(place, body, name, defaults.get(name)))
    if "caller" in special:
        absent = numbering.constant(environment.undefined("No caller defined", name="caller"))
        names.bind("caller", given.named.pop("caller", absent))
    return _rest(place, names, given, parameters, special)


def _default(place: Scope, body: Body, name: str, node: nodes.Expr | None) -> Expression:
    if node is None:
        hint = f"parameter {name!r} was not provided"
        return place.unit.numbering.constant(place.environment.undefined(hint, name=name))
    made = pinned(place, expression(place, node))
    check(body, made)
    return made


def _rest(place: Scope, names: Names, given: _Given, parameters: list[str], special: set[str]) -> bool:
    """``varargs`` and ``kwargs``, or what does not fit without them."""
    extra = given.positional[len(parameters) :]
    if (extra and "varargs" not in special) or (given.named and "kwargs" not in special):
        return False
    for name, bindings in (("varargs", extra), ("kwargs", list(given.named.values()))):
        if name not in special:
            continue
        if not all(isinstance(each, Expression) for each in bindings):
            raise UnsupportedError(None, name, "a macro is passed on")
        values = tuple(each for each in bindings if isinstance(each, Expression))
        names.bind(name, collected(place, values, list(given.named) if name == "kwargs" else None))
    return True


def define(scope: Scope, _body: Body, node: nodes.Macro) -> None:
    """A macro's definition: it prints nothing."""
    scope.names.bind(node.name, Macro(node, scope.names, scope.site, scope.depth, scope.heritage, scope.top))


def call_block(scope: Scope, body: Body, node: nodes.CallBlock) -> None:
    """A call block: the macro is called with the block as its ``caller``."""
    macro = macro_of(scope, node.call)
    if macro is None:
        raise UnsupportedError(node, "call", "the call block's target is not a macro")
    caller = Macro(node, scope.names, scope.site, scope.depth, scope.heritage, scope.top)
    inline_macro(scope, body, macro, node.call, caller)
