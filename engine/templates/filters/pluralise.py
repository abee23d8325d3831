from __future__ import annotations

from decimal import Decimal

from engine.templates.filters._arguments import locale_of, number_of


def pluralise(
    count: int | float | Decimal,
    one: str,
    other: str | None = None,
    *,
    zero: str | None = None,
    two: str | None = None,
    few: str | None = None,
    many: str | None = None,
    locale: str = "en",
) -> str:
    """The form of a word that goes with a number, by the locale's plural rules (CLDR); the number itself is not in it.

    Without ``other`` an s is appended. A form that is not given is ``other``; ``zero`` is also taken for 0 where the language has no
    form of its own for it. Raises TypeError if the count is no number, ValueError if there is no such locale.

    >>> pluralise(1, "item"), pluralise(3, "item"), pluralise(2, "box", "boxes")
    ('item', 'items', 'boxes')
    >>> pluralise(22, "plik", "pliku", few="pliki", many="plików", locale="pl")
    'pliki'
    """
    value = number_of("pluralise", count)
    if value == 0 and zero is not None:
        return zero
    forms = {"one": one, "zero": zero, "two": two, "few": few, "many": many}
    chosen = forms.get(locale_of(locale).plural_form(value))
    if chosen is not None:
        return chosen
    return other if other is not None else f"{one}s"
