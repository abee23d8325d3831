"""A style sheet cut into what can be written into elements and what must stay a sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[{};]", re.DOTALL)
# What depends on a reader's act, on generated boxes, or on a state that no attribute can hold.
_LIVE = re.compile(
    r"::|:(?:hover|active|focus[\w-]*|visited|link|target|before|after|first-l\w+|checked|root)", re.IGNORECASE
)
# What depends on an element's siblings, which loops and conditions make only when a message is rendered.
_STRUCTURAL = re.compile(r":(?:first|last|nth|only)-|:empty|:has\(|[+~]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """``inlined`` goes into style attributes, ``kept`` stays; a rule may be in both."""

    inlined: str
    kept: str


def cut(css: str, *, repeats: bool) -> Sheet:
    """A sheet in two. Where parts of the page may be repeated or left out, rules on siblings stay in the sheet."""
    inlined, kept = [], []
    for prelude, rule in _rules(_COMMENT.sub(" ", css)):
        structural = repeats and _STRUCTURAL.search(re.sub(r"\[[^\]]*\]|\([^)]*\)", "", prelude)) is not None
        if prelude.startswith("@") or structural:
            kept.append(rule)
            continue
        inlined.append(rule)
        if _LIVE.search(prelude):
            kept.append(rule)
    return Sheet("\n".join(inlined), "\n".join(kept))


def _rules(css: str) -> Iterator[tuple[str, str]]:
    """The sheet's rules, each with what stands before its block; a statement such as ``@import`` is its own prelude."""
    start = depth = 0
    prelude = ""
    for match in _TOKEN.finditer(css):
        sign = match[0]
        if sign == "{":
            prelude = css[start : match.start()].strip() if depth == 0 else prelude
            depth += 1
        elif sign == "}" and depth:
            depth -= 1
        if (sign == "}" and depth == 0) or (sign == ";" and depth == 0):
            rule = css[start : match.end()].strip()
            yield prelude or rule, rule
            start, prelude = match.end(), ""


def is_plain(css: str, mask: re.Pattern[str], statements: bool) -> bool:
    """Whether Jinja2's tags stand only where a value stands, so that the sheet can be read before they are filled in."""
    if statements:
        return False
    for prelude, rule in _rules(_COMMENT.sub(" ", css)):
        if mask.search(prelude):
            return False
        for declaration in rule[len(prelude) :].strip().strip("{}").split(";"):
            if mask.search(declaration.partition(":")[0]):
                return False
    return True
