from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_decimal

from engine.templates.filters._arguments import locale_of, number_of

MOST_DECIMALS = 20


def number(value: int | float | Decimal, decimals: int | None = None, locale: str = "en") -> str:
    """A number with the locale's separators, with so many decimals, or with up to three if None.

    Raises TypeError if the value is no number, ValueError if it is not finite or if there is no such locale.

    >>> number(1234567.891)
    '1,234,567.891'
    >>> number(1234567.891, 1, "de_DE")
    '1.234.567,9'
    """
    if decimals is not None and not 0 <= decimals <= MOST_DECIMALS:
        raise ValueError(f"number takes 0 to {MOST_DECIMALS} decimals, not {decimals}")
    pattern = None if decimals is None else "#,##0" + "." * bool(decimals) + "0" * decimals
    return format_decimal(number_of("number", value), format=pattern, locale=locale_of(locale))
