"""A compiled expression, and the numbering by which equal expressions are one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from engine.templates.frame import Frame
from engine.templates.values import Const, Value, gather


@dataclass(slots=True, eq=False)
class Expression:
    """An expression over the rows of a frame.

    ``home`` is the depth of the deepest frame whose variables it reads: outside of a loop that does not change it, it is evaluated once
    a row and not once an item. One that is ``direct`` (a path into the columns) is always evaluated at home, so that branches share it.
    One is ``typed`` where the kind of its values follows from the batch's schema, never from what the batch holds.
    """

    number: int
    home: int
    evaluate: Callable[[Frame], Value]
    direct: bool = False
    const: Const | None = None
    lazy: bool = False
    used: bool = False
    typed: bool = False
    mapped: tuple[Expression, str] | None = None

    def at(self, frame: Frame) -> Value:
        """The expression's value on the frame's rows."""
        if self.const is not None:
            return self.const
        found = frame.memo.get(self.number)
        if found is not None:
            return found
        parent = frame.parent
        if parent is not None and frame.depth > self.home and self._outside(frame, parent):
            found = self.at(parent)
            if frame.rows is not None:
                found = gather(found, frame.rows)
        else:
            found = self.evaluate(frame)
        frame.memo[self.number] = found
        return found

    def _outside(self, frame: Frame, parent: Frame) -> bool:
        return self.direct or frame.last_loop > self.home or frame.rows is None or self.number in parent.memo


class Numbering:
    """Expressions by what they are: the same operation on the same operands is the same expression."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Expression] = {}
        self._count = 0

    def fresh(self) -> int:
        self._count += 1
        return self._count

    def constant(self, value: Any, *, failed: bool = False) -> Expression:
        key = None if failed else _constant_key(value)
        if key is not None and key in self._known:
            return self._known[key]
        const = Const(value, failed)
        made = Expression(self.fresh(), 0, lambda _: const, True, const)
        if key is not None:
            self._known[key] = made
        return made

    def variable(
        self,
        home: int,
        evaluate: Callable[[Frame], Value],
        key: Hashable | None = None,
        *,
        lazy: bool = False,
        typed: bool = False,
    ) -> Expression:
        """A variable of the frame at depth ``home``; without a key, one of its own."""
        if key is not None and key in self._known:
            return self._known[key]
        made = Expression(self.fresh(), home, evaluate, True, lazy=lazy, typed=typed)
        if key is not None:
            self._known[key] = made
        return made

    def operation(
        self,
        key: Hashable,
        operands: tuple[Expression, ...],
        evaluate: Callable[[Frame], Value],
        *,
        direct: bool = False,
        depth: int = 0,
        fold: Callable[[], Value] | None = None,
        typed: bool = False,
    ) -> Expression:
        """The expression of an operation. ``fold`` evaluates it now where all operands are constants. ``depth`` is the least home."""
        known = (key, tuple(operand.number for operand in operands))
        found = self._known.get(known)
        if found is None:
            found = self._made(operands, evaluate, direct, depth, fold)
            found.typed = (typed or found.direct) and all(
                operand.typed or operand.const is not None for operand in operands
            )
            self._known[known] = found
        return found

    def _made(
        self,
        operands: tuple[Expression, ...],
        evaluate: Callable[[Frame], Value],
        direct: bool,
        depth: int,
        fold: Callable[[], Value] | None,
    ) -> Expression:
        if fold is not None and all(operand.const is not None for operand in operands):
            value = fold()
            if isinstance(value, Const):
                return self.constant(value.value, failed=value.failed)
        home = max((operand.home for operand in operands), default=0)
        direct = direct and all(operand.direct for operand in operands)
        return Expression(self.fresh(), max(home, depth), evaluate, direct)


def _constant_key(value: Any) -> Hashable | None:
    """What two constants must share to be the same; None where that is not known."""
    if type(value) in (str, int, bool, type(None)):
        return ("constant", type(value), value)
    return ("constant", float, repr(value)) if type(value) is float else None
