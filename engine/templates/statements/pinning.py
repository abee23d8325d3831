"""Names for values: what a set, a with or a macro's parameter is bound to."""

from __future__ import annotations

from engine.templates.expressions.expression import Expression
from engine.templates.frame import Frame
from engine.templates.scope import Scope
from engine.templates.values import Value


def pinned(scope: Scope, made: Expression) -> Expression:
    """The expression's value as it is here and now, for every later reading of the name."""
    if made.const is not None or (made.direct and not made.lazy):
        return made

    def read(frame: Frame) -> Value:
        return made.at(frame)

    return scope.unit.numbering.variable(scope.depth, read, lazy=made.lazy, typed=made.typed)
