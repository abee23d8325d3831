"""The account of one rendering: work spent and depth reached.

The meter belongs to the thread (more exactly, to the context) that renders. Code that runs outside a rendering, as a filter that is
called on a column's distinct values, gets a fresh meter for each operation, so the sizes are still limited.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sized
from contextvars import ContextVar
from decimal import Decimal
from types import GeneratorType
from typing import Any

from markupsafe import Markup

from engine.templates.sandbox.limits import MAX_CALL_DEPTH, MAX_TEXT, WORK, TemplateLimitError

CHARACTER = 2  # units for reading or making one character
ITEM = 8  # units for taking one item out of an iterable
SMALL = 40  # characters
SMALL_INTEGER = 2**64
_TEXTS = frozenset({str, Markup, bytes})
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)


class Meter:
    __slots__ = ("depth", "left")

    def __init__(self) -> None:
        self.left = WORK
        self.depth = 0

    def spend(self, units: int) -> None:
        """Take units off; raises TemplateLimitError when they are used up."""
        self.left -= units
        if self.left < 0:
            raise TemplateLimitError("the rendering takes too much work (loops, calls or text)")

    def enter(self) -> None:
        """Go one call or include deeper; raises TemplateLimitError at the limit."""
        self.depth += 1
        if self.depth > MAX_CALL_DEPTH:
            raise TemplateLimitError(f"more than {MAX_CALL_DEPTH} macros, blocks or includes inside one another")

    def leave(self) -> None:
        self.depth -= 1


METER: ContextVar[Meter | None] = ContextVar("METER", default=None)


def spend(units: int) -> None:
    """Spend from the rendering that this thread is in; raises TemplateLimitError."""
    meter = METER.get()
    (Meter() if meter is None else meter).spend(units)


def size_of(value: object) -> int:
    """How much there is to read in a value: characters, and one for each item of a container, shared ones counted again.

    Counting stops with TemplateLimitError after MAX_TEXT items, so a value of doubled references is safe.
    """
    if type(value) in _TEXTS:
        return len(value)  # type: ignore[arg-type]
    if not isinstance(value, _CONTAINERS):
        return _plain_size(value)
    total = items = 0
    left: list[object] = [value]
    while left:
        each = left.pop()
        if isinstance(each, _CONTAINERS):
            items += len(each)
            if items > MAX_TEXT:
                raise TemplateLimitError(f"a value of more than {MAX_TEXT:,} items")
            left.extend(_inside(each))
        else:
            total += _plain_size(each)
    return total + items


def _inside(container: Any) -> Iterable[object]:
    return (*container.keys(), *container.values()) if isinstance(container, dict) else container


def _plain_size(value: object) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if type(value) is int:
        return value.bit_length() >> 3
    if type(value) is Decimal:
        return len(value.as_tuple().digits)
    return len(value) if type(value) is range else 1


def charged(value: Any) -> Any:
    """The value itself, its reading paid for; a generator pays for each item as it is taken.

    Small values are in the price of the node that makes them.
    """
    kind = type(value)
    if kind is str or kind is Markup:
        if len(value) > SMALL:
            spend(CHARACTER * len(value))
        return value
    if value is None or kind is float or kind is bool or (kind is int and -SMALL_INTEGER < value < SMALL_INTEGER):
        return value
    return _charged(value)


def _charged(value: Any) -> Any:
    if isinstance(value, _CONTAINERS):
        spend(ITEM * size_of(value))
    elif isinstance(value, GeneratorType):
        return taken(value)
    else:
        spend(CHARACTER * _plain_size(value))
    return value


def taken(items: Iterable[Any], each: int = 0) -> Iterator[Any]:
    """The items, each paid for as it is taken, with ``each`` units on top."""
    for item in items:
        spend(ITEM + each + CHARACTER * size_of(item))
        yield item


def iterated(items: Any, each: int = 0) -> Any:
    """The iterable of a loop, its length paid for at ``each`` units an item."""
    if isinstance(items, Sized):
        spend((ITEM + each) * len(items))
        return items
    return taken(items, each) if type(items) is GeneratorType else items


def capped(value: Any) -> Any:
    """The value itself if it is no larger than a value may be; raises TemplateLimitError."""
    check_size(len(value))
    return value


def check_size(size: int) -> None:
    """Refuse, before it is made, a value of so many characters or items, and pay for it."""
    if size > MAX_TEXT:
        raise TemplateLimitError(f"a value of {size:,} characters or items; {MAX_TEXT:,} are allowed")
    spend(CHARACTER * size)
