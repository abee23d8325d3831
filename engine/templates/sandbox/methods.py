"""The methods of plain values that a template may call, and what each costs."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2.sandbox import SandboxedEscapeFormatter, SandboxedFormatter

from engine.templates.sandbox.limits import MAX_STRFTIME, TemplateLimitError
from engine.templates.sandbox.meter import CHARACTER, check_size, size_of, spend
from engine.templates.sandbox.operators import check_format_spec, check_width

Guard = Callable[[Any, tuple[Any, ...], dict[str, Any]], None]
MAX_BACKWARD_NEEDLE = 100  # a search from the right is quadratic in CPython
SPLIT_CHARACTER = 24  # a piece of one character is an object of its own


def _linear(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    spend(CHARACTER * (size_of(owner) + size_of(args) + size_of(kwargs)))


def _padding(owner: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
    check_width(*args)
    check_size(len(owner) + (args[0] if args and isinstance(args[0], int) else 0))


def _tabs(owner: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    asked = (*args, *kwargs.values(), 8)[0]
    check_width(asked)
    check_size(len(owner) + owner.count("\t") * (asked if isinstance(asked, int) else 0))


def _split(owner: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
    spend(SPLIT_CHARACTER * len(owner) + CHARACTER * size_of(args))


def _backward(owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if args and isinstance(args[0], str) and len(args[0]) > MAX_BACKWARD_NEEDLE:
        raise TemplateLimitError(f"a search from the right for more than {MAX_BACKWARD_NEEDLE} characters")
    _split(owner, args, kwargs)


def check_replacement(text: str, old: object, new: object) -> None:
    """Refuse a replacement whose result would be too large."""
    grown = max(len(str(new)) - len(str(old)), 0)
    check_size(len(text) + text.count(str(old)) * grown)


def _replace(owner: str, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
    if len(args) >= 2:
        check_replacement(owner, args[0], args[1])


def _join(owner: str, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> None:
    if args and isinstance(args[0], list | tuple | dict | set | frozenset | str):
        check_size(size_of(args[0]) + len(owner) * len(args[0]))
    elif args:
        raise TemplateLimitError("`join` of something that is not a list; write `|list` first")


def _date_format(_owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if size_of(args) + size_of(kwargs) > MAX_STRFTIME:
        raise TemplateLimitError(f"a date format of more than {MAX_STRFTIME:,} characters")
    for each in (*args, *kwargs.values()):
        check_format_spec(str(each))


_LINEAR_TEXT = (
    "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable "
    "isspace istitle isupper lower lstrip partition removeprefix removesuffix rstrip startswith strip swapcase title upper "
    "escape unescape striptags"
)
TEXT_METHODS: Final[Mapping[str, Guard]] = {
    **dict.fromkeys(_LINEAR_TEXT.split(), _linear),
    **dict.fromkeys(("center", "ljust", "rjust", "zfill"), _padding),
    **dict.fromkeys(("split", "splitlines"), _split),
    **dict.fromkeys(("rfind", "rindex", "rpartition", "rsplit"), _backward),
    "expandtabs": _tabs,
    "join": _join,
    "replace": _replace,
}
_BYTES_METHODS: Final[Mapping[str, Guard]] = dict.fromkeys(("decode", "hex", "startswith", "endswith"), _linear)
_CONTAINER_METHODS: Final[Mapping[str, Guard]] = dict.fromkeys(("copy", "count", "index"), _linear)
_DATE_METHODS: Final[Mapping[str, Guard]] = {"strftime": _date_format}

# The clock and the machine's zone are not a template's to read: a rendering is a function of its row.
_REFUSED: Final[Mapping[type, frozenset[str]]] = {
    int: frozenset({"to_bytes", "from_bytes"}),
    dict: frozenset({"fromkeys"}),
    datetime.date: frozenset({"today", "now", "utcnow", "fromtimestamp", "utcfromtimestamp"}),
}


def is_refused(owner: object, name: str) -> bool:
    """Whether an attribute of a plain value is not a template's to use."""
    if isinstance(owner, str):
        return name not in TEXT_METHODS
    if isinstance(owner, bytes | bytearray):
        return name not in _BYTES_METHODS
    return any(name in names and _is(owner, kind) for kind, names in _REFUSED.items())


def _is(owner: object, kind: type) -> bool:
    return isinstance(owner, kind) or (isinstance(owner, type) and issubclass(owner, kind))


def check_method(method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Pay for the call of a plain value's method, or refuse it with TemplateLimitError."""
    owner = getattr(method, "__self__", None)
    if owner is None:
        return
    guard = _guards(owner).get(method.__name__)
    if guard is not None:
        guard(owner, args, kwargs)


def _guards(owner: object) -> Mapping[str, Guard]:
    if isinstance(owner, str):
        return TEXT_METHODS
    if isinstance(owner, bytes):
        return _BYTES_METHODS
    if isinstance(owner, list | tuple | dict):
        return _CONTAINER_METHODS
    return _DATE_METHODS if isinstance(owner, datetime.date | datetime.time) else {}


class LimitedFormatter(SandboxedFormatter):
    """``str.format`` whose fields are paid for and whose widths are limited."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        value, first = super().get_field(field_name, args, kwargs)
        spend(CHARACTER * size_of(value))
        return value, first

    def format_field(self, value: Any, format_spec: str) -> Any:
        if isinstance(value, datetime.date | datetime.time):
            _date_format(value, (format_spec,), {})
        else:
            check_format_spec(format_spec)
        text = super().format_field(value, format_spec)
        check_size(len(text))
        return text


class LimitedEscapeFormatter(LimitedFormatter, SandboxedEscapeFormatter):
    """The same for a text that is markup already: fields are escaped."""
