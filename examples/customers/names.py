"""First and last names, the frequent ones first, with the letters and apostrophes that real lists have."""

from __future__ import annotations

import unicodedata
from pathlib import Path

_FOLDER = Path(__file__).parent
FIRST_NAMES = tuple((_FOLDER / "first_names.txt").read_text(encoding="utf-8").splitlines())
LAST_NAMES = tuple((_FOLDER / "last_names.txt").read_text(encoding="utf-8").splitlines())

# What decomposition alone does not turn into ASCII letters.
_ROMANISED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ß": "ss", "ı": "i", "þ": "th", "æ": "ae"})
_SPELLED = {
    "陽子": "yoko",
    "Анна": "anna",
    "Ελένη": "eleni",
    "山田": "yamada",
    "Иванова": "ivanova",
    "Παπαδοπούλου": "papadopoulou",
}


def local_part(name: str) -> str:
    """A name as the owner of a mailbox writes it: lower-case ASCII letters, hyphens and straight apostrophes.

    Apostrophes and hyphens may stand in a local part (`atext`, RFC 5322 section 3.2.3).
    """
    spelled = _SPELLED.get(name, name)
    decomposed = unicodedata.normalize("NFKD", spelled.lower().translate(_ROMANISED))
    return "".join(letter for letter in decomposed if letter.isascii() and (letter.isalpha() or letter in "-'"))
