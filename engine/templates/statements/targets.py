"""Targets of loops and assignments: names, and tuples of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from jinja2 import Environment, nodes

from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.scope import Names, Scope, UnsupportedError
from engine.templates.statements.holes import Item
from engine.templates.statements.spread import unpacked
from engine.templates.values import Value

Target: TypeAlias = "int | tuple[Any, ...]"


def bind_target(
    scope: Scope, names: Names, depth: int, node: nodes.Node, key: tuple[Any, ...] | None = None, typed: bool = False
) -> Target:
    """Bind a target's names to slots of the frame at ``depth``; the slots' shape is the target's. Under a key, the slots are shared."""
    if isinstance(node, nodes.Name):
        slot = scope.unit.slot(key)
        names.bind(node.name, slot_reader(scope, depth, slot, typed))
        return slot
    if isinstance(node, nodes.Tuple | nodes.List):
        keys = [key and (*key, len(node.items), place) for place in range(len(node.items))]
        return tuple(
            bind_target(scope, names, depth, each, place) for each, place in zip(node.items, keys, strict=True)
        )
    raise UnsupportedError(node, type(node).__name__, "this target is not lowered")


def slot_reader(scope: Scope, depth: int, slot: int, typed: bool = False) -> Expression:
    def read(frame: Frame) -> Value:
        return frame.slots[slot]

    return scope.unit.numbering.variable(depth, read, ("slot", slot), typed=typed)


def bind_constant(scope: Scope, names: Names, node: nodes.Node, value: Any) -> bool:
    """Bind a target's names to a constant's parts; False where it has another number of them."""
    if isinstance(node, nodes.Name):
        names.bind(node.name, scope.unit.numbering.constant(value))
        return True
    if not isinstance(node, nodes.Tuple | nodes.List):
        raise UnsupportedError(node, type(node).__name__, "this target is not lowered")
    try:
        parts = tuple(value)
    except Exception:
        return False
    if len(parts) != len(node.items):
        return False
    return all(bind_constant(scope, names, each, part) for each, part in zip(node.items, parts, strict=True))


def fill(frame: Frame, target: Target, value: Value, environment: Environment) -> None:
    """Put a value, or its parts, into the frame's slots."""
    if isinstance(target, int):
        frame.slots[target] = value
        return
    parts, bad = unpacked(value, len(target), environment, frame.n)
    frame.mark(bad)
    for each, part in zip(target, parts, strict=True):
        fill(frame, each, part, environment)


@dataclass(frozen=True, slots=True)
class Unpack:
    """Assignment to several names."""

    expression: Expression
    target: Target
    environment: Environment

    def run(self, frame: Frame, items: list[Item]) -> None:
        fill(frame, self.target, self.expression.at(frame), self.environment)
