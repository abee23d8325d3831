"""Names, attributes, items and slices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from jinja2 import Environment, nodes
from jinja2.sandbox import SandboxedEnvironment

from engine.templates.columns import exact_undefined, from_arrow, list_bounds, with_undefined
from engine.templates.expressions.expression import Expression
from engine.templates.expressions.operators import folded
from engine.templates.frame import Frame
from engine.templates.generic import apply
from engine.templates.scope import Binding, Loop, Macro, Module, Scope, Space, UnsupportedError
from engine.templates.values import (
    Column,
    Const,
    Mask,
    Nested,
    Objects,
    Value,
    absent_rows,
    gather,
    none_rows,
    some,
    union,
)

Compile: TypeAlias = Callable[[Scope, Any], Expression]
DICT_ATTRIBUTES = frozenset(dir(dict)) | frozenset(dir(None))


class MacroObject:
    """A macro that is asked whether it is there; what needs the macro itself is left to Jinja2."""

    def __call__(self) -> None:
        raise TypeError("a macro is called here by Jinja2 alone")

    def __repr__(self) -> str:
        raise TypeError("a macro is printed by Jinja2 alone")


def name(scope: Scope, node: nodes.Name) -> Expression:
    binding = scope.resolve(node.name)
    if isinstance(binding, Expression):
        if binding.lazy:
            _use_once(scope, node, binding)
        return binding
    if isinstance(binding, Macro):
        return scope.unit.numbering.constant(MacroObject())
    raise UnsupportedError(node, type(binding).__name__.lower(), "it is used as a value, not called or read from")


def _use_once(scope: Scope, node: nodes.Name, binding: Expression) -> None:
    """An iterator under a name gives its items once, and nothing the second time."""
    if binding.used or scope.loops > binding.home:
        raise UnsupportedError(
            node, node.name, "an iterator is kept under a name and read more than once; make it a `|list`"
        )
    binding.used = True


def binding_of(scope: Scope, node: nodes.Node) -> Binding | None:
    """What a name is bound to, where the node is a name."""
    return scope.resolve(node.name) if isinstance(node, nodes.Name) else None


def attribute(compile_: Compile, scope: Scope, node: nodes.Getattr) -> Expression:
    bound = binding_of(scope, node.node)
    if bound is not None and not isinstance(bound, Expression):
        return bound_attribute(scope, node, bound, node.attr)
    return attribute_of(scope, compile_(scope, node.node), node.attr)


def bound_attribute(scope: Scope, node: nodes.Node, bound: Binding, attr: str) -> Expression:
    """An attribute of a loop, a namespace or a module."""
    if isinstance(bound, Loop) and attr in bound.fields:
        return bound.fields[attr]
    if isinstance(bound, Space):
        return space_attribute(scope, bound, attr)
    if isinstance(bound, Module):
        exported = bound.names.exported(attr)
        if isinstance(exported, Expression):
            return exported
        if exported is None and not attr.startswith("_"):
            missing = missing_attribute(scope.environment, attr)
            return scope.unit.numbering.constant(missing.value, failed=missing.failed)
    raise UnsupportedError(node, f"{type(bound).__name__.lower()}.{attr}", "this attribute is not lowered")


def space_attribute(scope: Scope, space: Space, attr: str) -> Expression:
    """A namespace's attribute as it is now."""
    environment = scope.environment
    initial = space.attributes.get(attr)

    def read(frame: Frame) -> Value:
        owner = owner_of(frame, space.depth)
        held = owner.memo.get(space_key(space, attr))
        if held is None:
            held = initial.at(owner) if initial is not None else missing_attribute(environment, attr)
        return held if owner is frame else gather(held, frame.rows_in(owner))

    key = ("space", space.number, attr, space.clock[0], scope.depth)
    return scope.unit.numbering.operation(key, (), read, depth=scope.depth)


def missing_attribute(environment: Environment, attr: str) -> Const:
    """Undefined, for an attribute that an object lacks; bad where the environment's undefined would tell of the object."""
    return Const(environment.undefined(name=attr), failed=not exact_undefined(environment))


def owner_of(frame: Frame, depth: int) -> Frame:
    while frame.depth > depth:
        if frame.parent is None:
            raise LookupError("no frame of that depth")
        frame = frame.parent
    return frame


def space_key(space: Space, attr: str) -> int:
    """Where a frame keeps a namespace's attribute, below the numbers of expressions."""
    return -abs(hash((space.number, attr))) - 1


def plain_access(environment: Environment) -> bool:
    """Whether the environment reads attributes and items of dicts, lists and texts as Jinja2's own do."""
    kind = type(environment)
    return kind.getattr in (Environment.getattr, SandboxedEnvironment.getattr) and kind.getitem in (
        Environment.getitem,
        SandboxedEnvironment.getitem,
    )


def attribute_of(scope: Scope, base: Expression, attr: str) -> Expression:
    environment = scope.environment
    plain = plain_access(environment)

    def call(value: Any) -> Any:
        return environment.getattr(value, attr)

    def evaluate(frame: Frame) -> Value:
        value = base.at(frame)
        if plain and isinstance(value, Nested) and pa.types.is_struct(value.array.type) and attr not in DICT_ATTRIBUTES:
            return field_of(frame, value, attr, environment)
        return apply(frame, environment, call, value)

    key = ("attribute", attr, scope.site.semantics)
    return scope.unit.numbering.operation(key, (base,), evaluate, direct=True, fold=lambda: folded(call, base))


def field_of(frame: Frame, value: Nested, attr: str, environment: Environment) -> Value:
    """A struct's field; a field that the struct lacks, and any of a null struct, is undefined, and one of undefined raises."""
    bad = union(value.bad, value.undefined)
    place = value.array.type.get_field_index(attr)
    if place < 0:
        missing = missing_attribute(environment, attr)
        return missing if bad is None or missing.failed else Objects([missing.value], np.zeros(frame.n, np.int32), bad)
    child = frame.batch.derived(value.array, ("field", place), lambda: from_arrow(value.array.field(place)))
    undefined = none_rows(value, frame.n)
    return _child(child, value.codes, undefined, bad, environment)


def _child(child: Column, codes: Any, undefined: Mask, bad: Mask, environment: Environment) -> Value:
    made = child if codes is None else gather(child, codes)
    if undefined is None and bad is None:
        return made
    if isinstance(made, Const):
        raise TypeError("a column expected")
    if isinstance(made, Objects):
        made = with_undefined(made, undefined, environment)
        return replace(made, bad=union(made.bad, bad))
    return replace(made, undefined=union(made.undefined, undefined), bad=union(made.bad, bad))


def item(compile_: Compile, scope: Scope, node: nodes.Getitem) -> Expression:
    if isinstance(node.arg, nodes.Slice):
        return slice_of(compile_, scope, node, node.arg)
    bound = binding_of(scope, node.node)
    if bound is not None and not isinstance(bound, Expression):
        if (
            isinstance(node.arg, nodes.Const)
            and isinstance(node.arg.value, str)
            and isinstance(bound, Loop | Space | Module)
        ):
            return bound_attribute(scope, node, bound, node.arg.value)
        raise UnsupportedError(node, "item", "an item of something that is not a value")
    return item_of(scope, compile_(scope, node.node), compile_(scope, node.arg))


def item_of(scope: Scope, base: Expression, key: Expression) -> Expression:
    environment = scope.environment
    plain = plain_access(environment)

    def evaluate(frame: Frame) -> Value:
        value, place = base.at(frame), key.at(frame)
        if plain and isinstance(value, Nested) and isinstance(place, Const) and not place.failed:
            made = _item(frame, value, place.value, environment)
            if made is not None:
                return made
        return apply(frame, environment, environment.getitem, value, place)

    return scope.unit.numbering.operation(
        ("item", scope.site.semantics),
        (base, key),
        evaluate,
        direct=True,
        fold=lambda: folded(environment.getitem, base, key),
    )


def _item(frame: Frame, value: Nested, key: Any, environment: Environment) -> Value | None:
    if pa.types.is_struct(value.array.type):
        known = type(key) is str and (key not in DICT_ATTRIBUTES or value.array.type.get_field_index(key) >= 0)
        if known and not (key in DICT_ATTRIBUTES and value.array.null_count):
            return field_of(frame, value, key, environment)
        return None
    if type(key) is int and pa.types.is_list(value.array.type):
        return list_item(frame, value, key, environment)
    return None


def list_item(frame: Frame, value: Nested, index: int, environment: Environment) -> Value:
    """One item of every list, undefined where the list is too short (or None)."""
    starts, lengths = list_bounds(value)
    inside = (lengths > index) if index >= 0 else (lengths >= -index)
    places = np.where(inside, starts + (index if index >= 0 else lengths + index), 0).astype(np.int32)
    child = child_of(frame, value)
    bad = union(value.bad, value.undefined)
    if not inside.any():
        return _child(
            from_arrow(pa.nulls(frame.n, value.array.type.value_type)), None, np.ones(frame.n, bool), bad, environment
        )
    return _child(child, places, some(~inside), bad, environment)


def child_of(frame: Frame, value: Nested) -> Column:
    """The items of every list of an array, one after the other."""
    made: Column = frame.batch.derived(value.array, "items", lambda: from_arrow(value.array.values))
    return made


def slice_of(compile_: Compile, scope: Scope, node: nodes.Getitem, bounds: nodes.Slice) -> Expression:
    base = compile_(scope, node.node)
    none = scope.unit.numbering.constant(None)
    start, stop, step = (
        none if each is None else compile_(scope, each) for each in (bounds.start, bounds.stop, bounds.step)
    )
    environment = scope.environment

    def call(value: Any, *parts: Any) -> Any:
        return value[slice(*parts)]

    def evaluate(frame: Frame) -> Value:
        value = base.at(frame)
        parts = [each.at(frame) for each in (start, stop, step)]
        made = _list_slice(value, parts)
        return apply(frame, environment, call, value, *parts) if made is None else made

    operands = (base, start, stop, step)
    key = ("slice", scope.site.semantics)
    return scope.unit.numbering.operation(key, operands, evaluate, fold=lambda: folded(call, *operands))


def _list_slice(value: Value, parts: list[Value]) -> Nested | None:
    if not isinstance(value, Nested) or not pa.types.is_list(value.array.type):
        return None
    bounds: list[Any] = [part.value if isinstance(part, Const) and not part.failed else "" for part in parts]
    if any(bound is not None and type(bound) is not int for bound in bounds) or bounds[2] not in (None, 1):
        return None
    starts, lengths = list_bounds(value)
    first = _clamped(bounds[0], lengths, 0)
    last = _clamped(bounds[1], lengths, None)
    counts = np.maximum(last - first, 0)
    bad = union(value.bad, absent_rows(value, len(lengths)))
    return Nested(*ragged(value.array.values, starts + first, counts), bad=bad)


def _clamped(bound: int | None, lengths: Any, default: int | None) -> Any:
    if bound is None:
        return np.zeros(len(lengths), np.int64) if default == 0 else lengths
    return np.clip(bound if bound >= 0 else lengths + bound, 0, lengths)


def ragged(values: pa.Array, starts: Any, counts: Any) -> tuple[pa.ListArray, None]:
    """Lists of consecutive items of an array."""
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    places = np.repeat(starts - offsets[:-1], counts) + np.arange(int(offsets[-1]))
    return pa.ListArray.from_arrays(pa.array(offsets), values.take(pa.array(places.astype(np.int32)))), None
