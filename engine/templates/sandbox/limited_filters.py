"""The filters that a campaign's templates have: Jinja2's built-in ones and the project's.

A filter whose time and result are in proportion to its input is Jinja2's own function. One that can make much out of little is a wrapper
that checks first; ``inspect.unwrap`` gives Jinja2's function. ``random`` is left out: a rendering is a function of its row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from types import GeneratorType
from typing import Any, Final

from jinja2.filters import FILTERS as JINJA_FILTERS

from engine.templates.filters import FILTERS
from engine.templates.sandbox.limits import MAX_TEXT, TemplateLimitError
from engine.templates.sandbox.meter import CHARACTER, ITEM, check_size, size_of, spend, taken
from engine.templates.sandbox.methods import SPLIT_CHARACTER, check_replacement
from engine.templates.sandbox.operators import check_bits, check_percent, check_width

Filter = Callable[..., Any]
UNSAFE: Final = frozenset({"random"})
MAX_PRECISION = 100
MAX_BATCH = 10_000
FORMATTING = 6_000  # units; writing a number or a date as a locale does takes some fifty microseconds


def _asked(position: int, name: str, default: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[position] if len(args) > position else kwargs.get(name, default)


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict | range) else 1


def _center(value: Any, *args: Any, **kwargs: Any) -> None:
    width = _asked(0, "width", 80, args, kwargs)
    check_width(width)
    check_size(_length(value) + (width if isinstance(width, int) else 0))


def _indent(value: Any, *args: Any, **kwargs: Any) -> None:
    width = _asked(0, "width", 4, args, kwargs)
    check_width(width)
    step = len(width) if isinstance(width, str) else int(width)
    check_size(_length(value) + step * (_lines(value) + 1))


def _lines(value: object) -> int:
    return len(value.splitlines()) if isinstance(value, str) else 1


def _wordwrap(value: Any, *args: Any, **kwargs: Any) -> None:
    _quadratic(value)
    width = _asked(0, "width", 79, args, kwargs)
    wrap = _asked(2, "wrapstring", "\n", args, kwargs)
    parts = _length(value) // max(width if isinstance(width, int) else 1, 1) + _lines(value) + 1
    check_size(_length(value) + parts * _length(wrap))


def _quadratic(value: Any, *_args: Any, **_kwargs: Any) -> None:
    spend(_length(value) ** 2 // 4)


def _urlize(value: Any, *args: Any, **kwargs: Any) -> None:
    _quadratic(value)
    added = size_of(args) + size_of(kwargs)
    check_size(_length(value) * (1 + added // 4))


def _format(value: Any, *args: Any, **kwargs: Any) -> None:
    check_percent(str(value), kwargs or args)


def _join(value: Any, *args: Any, **kwargs: Any) -> None:
    separator = _asked(0, "d", "", args, kwargs)
    check_size(size_of(value) + _length(separator) * _length(value))


def _replace(value: Any, *args: Any, **kwargs: Any) -> None:
    old, new = _asked(0, "old", "", args, kwargs), _asked(1, "new", "", args, kwargs)
    check_replacement(str(value), old, new)


def _batch(value: Any, *args: Any, **kwargs: Any) -> None:
    asked = args[0] if args else kwargs.get("linecount", kwargs.get("slices", 1))
    if isinstance(asked, int) and asked > MAX_BATCH:
        raise TemplateLimitError(f"more than {MAX_BATCH:,} columns")
    spend(SPLIT_CHARACTER * _length(value))


def _round(_value: Any, *args: Any, **kwargs: Any) -> None:
    precision = _asked(0, "precision", 0, args, kwargs)
    if isinstance(precision, int) and abs(precision) > MAX_PRECISION:
        raise TemplateLimitError(f"a precision of more than {MAX_PRECISION}")


def _sum(value: Any, *args: Any, **kwargs: Any) -> None:
    start = _asked(1, "start", 0, args, kwargs)
    if isinstance(start, list | tuple):
        check_size(_length(value) * size_of(value))


def _tojson(value: Any, *args: Any, **kwargs: Any) -> None:
    indent = _asked(0, "indent", 0, args, kwargs)
    check_width(indent)
    check_size(size_of(value) * (1 + (indent if isinstance(indent, int) else 0)))


def _items(value: Any, *_args: Any, **_kwargs: Any) -> None:
    spend(SPLIT_CHARACTER * _length(value))


def _ordered(value: Any, *_args: Any, **_kwargs: Any) -> None:
    spend(3 * SPLIT_CHARACTER * _length(value))


def _slow(value: Any, *_args: Any, **_kwargs: Any) -> None:
    spend(20 * CHARACTER * _length(value))


GUARDS: Final[dict[str, Filter]] = {
    "batch": _batch,
    "center": _center,
    "dictsort": _ordered,
    "format": _format,
    "groupby": _ordered,
    "indent": _indent,
    "items": _items,
    "join": _join,
    "list": _items,
    "max": _ordered,
    "min": _ordered,
    "pprint": _quadratic,
    "replace": _replace,
    "round": _round,
    "slice": _batch,
    "sort": _ordered,
    "striptags": _slow,
    "sum": _sum,
    "title": _slow,
    "tojson": _tojson,
    "unique": _ordered,
    "urlencode": _slow,
    "urlize": _urlize,
    "wordcount": _slow,
    "wordwrap": _wordwrap,
    "xmlattr": _slow,
}
# They apply a filter or test to each item, so what they pass on is read once for each.
_EACH: Final = ("map", "select", "reject", "selectattr", "rejectattr")
# They read a whole iterable before they begin, so one that is not a list is taken first, and paid for.
_WHOLE: Final = frozenset({"batch", "groupby", "join", "list", "max", "min", "slice", "sort", "sum", "unique"})


def _guarded(name: str, guard: Filter) -> Filter:
    original = JINJA_FILTERS[name]
    skipped = 1 if hasattr(original, "jinja_pass_arg") else 0  # the context or environment, which comes first

    @wraps(original)
    def limited(*args: Any, **kwargs: Any) -> Any:
        passed, value, rest = args[:skipped], args[skipped], args[skipped + 1 :]
        if name in _WHOLE and isinstance(value, GeneratorType):
            value = list(taken(value))
        guard(value, *rest, **kwargs)
        return original(*passed, value, *rest, **kwargs)

    return limited


def _each(name: str) -> Filter:
    original = JINJA_FILTERS[name]

    @wraps(original)
    def limited(context: Any, value: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        each = ITEM + CHARACTER * (size_of(args) + size_of(kwargs))
        if isinstance(value, GeneratorType):
            value = taken(value, each)
        else:
            spend(each * _length(value))
        return original(context, value, *args, **kwargs)

    return limited


def _integer() -> Filter:
    original = JINJA_FILTERS["int"]

    @wraps(original)
    def limited(value: Any, *args: Any, **kwargs: Any) -> Any:
        if _length(value) > MAX_TEXT:
            raise TemplateLimitError("a number of too many digits")
        number = original(value, *args, **kwargs)
        check_bits(number.bit_length() if isinstance(number, int) else 0)
        return number

    return limited


def builtin_filters() -> dict[str, Filter]:
    """The filters by name: Jinja2's own where they are in proportion, limited ones elsewhere, without the unsafe ones."""
    allowed = {name: function for name, function in JINJA_FILTERS.items() if name not in UNSAFE}
    limited = {name: _guarded(name, guard) for name, guard in GUARDS.items()}
    return {**allowed, **limited, **{name: _each(name) for name in _EACH}, "int": _integer()}


def project_filters() -> dict[str, Filter]:
    """The project's own filters by name, each call paid for."""
    return {each.__name__: _paid(each) for each in FILTERS}


def _paid(original: Filter) -> Filter:
    @wraps(original)
    def paid(*args: Any, **kwargs: Any) -> Any:
        spend(FORMATTING)
        return original(*args, **kwargs)

    return paid
