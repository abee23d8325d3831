"""Where Python compares by identity before it compares by value.

A list equals itself, and holds its own items, even where these are NaN, which equals nothing. Columns know values alone, so such a
comparison is left to Jinja2 on the row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class IdentityCountsError(Exception):
    """The answer depends on whether two values are the same object."""


def by_value(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The comparison, which raises IdentityCountsError where a container holds a NaN."""

    def compared(left: Any, right: Any) -> Any:
        if any(isinstance(each, list | tuple | dict) and _holds_nan(each) for each in (left, right)):
            raise IdentityCountsError
        return compare(left, right)

    return compared


def _holds_nan(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_nan, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_nan, value))
    return bool(value != value) if isinstance(value, float) else False
