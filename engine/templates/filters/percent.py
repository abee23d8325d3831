from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_percent

from engine.templates.filters._arguments import locale_of, number_of


def percent(share: int | float | Decimal, locale: str = "en") -> str:
    """A share (1 is the whole) in whole per cent, as the locale writes it.

    Raises TypeError if the share is no number, ValueError if it is not finite or if there is no such locale.

    >>> percent(0.25)
    '25%'
    """
    return format_percent(number_of("percent", share), locale=locale_of(locale))
