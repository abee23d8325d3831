from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_currency, is_currency

from engine.templates.filters._arguments import locale_of, number_of


def money(amount: int | float | Decimal, currency: str, locale: str = "en") -> str:
    """An amount of a currency (ISO 4217) as the locale writes it, with the currency's own number of decimals.

    Ties are rounded to even, as the Unicode locale data (CLDR) has it. Raises TypeError if the amount is no number, ValueError if it is
    not finite or if there is no such currency or locale.

    >>> money(1234.5, "EUR")
    '€1,234.50'
    >>> money(1234, "JPY", "en_GB")
    'JP¥1,234'
    """
    if not is_currency(currency, locale_of(locale)):
        raise ValueError(f"no currency is named {currency!r}")
    return format_currency(number_of("money", amount), currency, locale=locale_of(locale))
