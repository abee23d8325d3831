"""The grammar of templates, as data: the text files beside this file."""

from __future__ import annotations

from pathlib import Path

from differential.sections import lists

_NAMES = lists(Path(__file__).with_name("names.txt"))
FAMILIES = lists(Path(__file__).with_name("families.txt"))
_STATEMENTS = lists(Path(__file__).with_name("statements.txt"))


def _prefixed(table: dict[str, tuple[str, ...]], prefix: str) -> dict[str, tuple[str, ...]]:
    return {name.removeprefix(prefix): lines for name, lines in table.items() if name.startswith(prefix)}


LITERALS = _prefixed(_NAMES, "literal ")
ODD = _NAMES["odd"]
NAMES = {kind: names for kind, names in _NAMES.items() if kind in LITERALS}
PRODUCTIONS = lists(Path(__file__).with_name("expressions.txt"))
KINDS = tuple(PRODUCTIONS)
LOOP_NAMES = _prefixed(_STATEMENTS, "loop ")
LITERAL_TEXT = ("", "a", " ", "\n", "  \n  ", "<b>&\"'</b>", "Grüße 😀", "\n\n", "100%", "{ }", "\t", "x\ny\n")

_WEIGHTS = {"holes": 3, "choices": 3, "loops": 1, "assignments": 1, "scopes": 1, "controls": 1}
STATEMENTS = tuple(line for group, weight in _WEIGHTS.items() for line in _STATEMENTS[group] * weight)
