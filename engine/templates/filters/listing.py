from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from babel.lists import format_list

from engine.templates.filters._arguments import locale_of, refuse

STYLES = {"and": "standard", "or": "or"}


def listing(items: Iterable[object], joined_by: Literal["and", "or"] = "and", locale: str = "en") -> str:
    """The items as a sentence names them; nothing for an empty list.

    Raises TypeError if the items are no list, ValueError if there is no such locale or joining word.

    >>> listing(["apples", "pears", "plums"], locale="en_GB")
    'apples, pears and plums'
    >>> listing(["red", "blue"], "or")
    'red or blue'
    """
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise refuse("listing", "a list", items)
    if joined_by not in STYLES:
        raise ValueError(f"listing joins by 'and' or 'or', not {joined_by!r}")
    style: Literal["standard", "or"] = "or" if joined_by == "or" else "standard"
    return format_list([str(item) for item in items], style, locale_of(locale))
