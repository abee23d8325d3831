"""Templates drawn from the grammar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jinja2
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from differential.grammar import (
    FAMILIES,
    KINDS,
    LITERAL_TEXT,
    LITERALS,
    LOOP_NAMES,
    NAMES,
    ODD,
    PRODUCTIONS,
    STATEMENTS,
)

_PLACEHOLDER = re.compile(r"\$\$?[a-z]+|[@!][a-z]+(?![\w;]*>)")
_ATOM = re.compile(r"[\w.]+|'[^']*'|\[[^\[\]]*\]")
_TAG = re.compile(r"\{%-?|-?%\}|\{\{|\}\}")
_BOUND = ("v1", "v2", "v3", "s", "i", "x", "l")
EXTENSIONS = ("jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols")


@dataclass(frozen=True)
class Scope:
    """The names that an expression may use, by kind, and how much deeper it may go."""

    names: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(NAMES))
    depth: int = 3

    def bind(self, kind: str, *names: str) -> Scope:
        kind = "text" if kind == "any" else kind
        return replace(self, names={**self.names, kind: names * 3 + self.names.get(kind, ())})

    def leaves(self, kind: str) -> tuple[str, ...]:
        """The names of a kind; a call, which has arguments, only where there is depth left for them."""
        return tuple(name for name in self.names.get(kind, ()) if self.depth > 0 or "$" not in name)

    def deeper(self) -> Scope:
        return replace(self, depth=self.depth - 1)


class Writer:
    """Expands the grammar with Hypothesis' choices; the first choice is always the simplest one."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.macros = 0

    def pick(self, choices: tuple[str, ...]) -> str:
        return self.draw(st.sampled_from(choices))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def chance(self, one_in: int) -> bool:
        return self.number(0, one_in - 1) == one_in - 1

    def expression(self, kind: str, scope: Scope) -> str:
        if self.chance(30):
            return self.pick(ODD)
        if kind == "any" or self.chance(40):
            kind = self.pick(KINDS)
        if kind == "number":
            kind = self.pick(("int", "float", "decimal"))
        if scope.depth <= 0 or not self.chance(2):
            leaves = LITERALS[kind] if self.chance(6) else scope.leaves(kind)
            return self.expand(self.pick(leaves or LITERALS[kind]), scope.deeper())[0]
        return self.expand(self.pick(PRODUCTIONS[kind]), scope.deeper())[0]

    def operand(self, kind: str, scope: Scope, bare: bool) -> str:
        text = self.expression(kind, scope)
        return text if bare or _ATOM.fullmatch(text) else f"({text})"

    def expand(self, production: str, scope: Scope) -> tuple[str, Scope]:
        """A production with its placeholders filled in, and the scope after it."""
        inner = outer = scope
        pieces, last, macro, bound = [], 0, "", list(_BOUND)
        for match in _PLACEHOLDER.finditer(production):
            pieces.append(production[last : match.start()])
            last, mark, word = match.end(), match[0][0], match[0].lstrip("$@!")
            if word == "body":
                pieces.append(self.body(inner.deeper()))
            elif word == "loop":
                for kind, names in LOOP_NAMES.items():
                    inner = inner.bind(kind, *names)
            elif word == "macro":
                macro = macro or self.macro()
                pieces.append(macro if mark == "!" else self.expand(f"{macro}($any)", replace(scope, depth=1))[0])
                outer = outer.bind("text", f"{macro}($any)", f"{macro}($text, $any)")
            elif mark in "@!":
                pieces.append(bound.pop(self.number(0, len(bound) - 1)))
                inner = inner.bind(word, pieces[-1])
                outer = outer.bind(word, pieces[-1]) if mark == "!" else outer
            else:
                bare = production[last : last + 1] not in (".", "[") and (
                    production.startswith("{{ $") or self.chance(8)
                )
                pieces.append(self.operand(word, inner if match[0].startswith("$$") else scope, bare))
        return "".join([*pieces, production[last:]]), outer

    def macro(self) -> str:
        self.macros += 1
        return f"m{self.macros}"

    def body(self, scope: Scope) -> str:
        if scope.depth < 0:
            return self.pick(LITERAL_TEXT)
        pieces = []
        for _ in range(self.number(1, 3)):
            text, scope = self.expand(self.pick(STATEMENTS), scope)
            pieces += [text, self.pick(LITERAL_TEXT) if self.chance(2) else ""]
        return "".join(pieces)

    def spaced(self, source: str) -> str:
        """The same template with whitespace control and line breaks put around some of its tags."""
        if not self.chance(3) or "{% raw" in source:
            return source
        choice = {
            "{%": ("{%", "{%-", "\n  {%", "{%+"),
            "%}": ("%}", "-%}", "%}\n"),
            "{{": ("{{", "{{-"),
            "}}": ("}}", "-}}"),
        }
        return _TAG.sub(lambda tag: self.pick(choice.get(tag[0], (tag[0],))), source)


@dataclass(frozen=True)
class Written:
    """A template, the others that it names, and the options of its environment."""

    source: str
    others: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    newstyle: bool = False

    def environment(self) -> jinja2.Environment:
        environment = ImmutableSandboxedEnvironment(
            loader=jinja2.DictLoader(dict(self.others)), extensions=EXTENSIONS, **self.options
        )
        environment.install_gettext_callables(_gettext, _ngettext, newstyle=self.newstyle)  # type: ignore[attr-defined]
        return environment


def _gettext(message: str) -> str:
    return f"«{message}»"


def _ngettext(one: str, many: str, number: Any) -> str:
    return one if number == 1 else many


def options() -> st.SearchStrategy[dict[str, Any]]:
    flags = ("autoescape", "trim_blocks", "lstrip_blocks", "keep_trailing_newline")
    undefined = st.sampled_from(
        [jinja2.Undefined] * 5 + [jinja2.ChainableUndefined, jinja2.StrictUndefined, jinja2.DebugUndefined]
    )
    return st.fixed_dictionaries({**{flag: st.booleans() for flag in flags}, "undefined": undefined})


@st.composite
def expressions(draw: st.DrawFn) -> Written:
    """One expression, written out."""
    return Written("{{ " + Writer(draw).expression("any", Scope()) + " }}", options=draw(options()))


@st.composite
def templates(draw: st.DrawFn) -> Written:
    """Statements in a single template."""
    writer = Writer(draw)
    return Written(writer.spaced(writer.body(Scope(depth=2))), options=draw(options()), newstyle=draw(st.booleans()))


@st.composite
def families(draw: st.DrawFn) -> Written:
    """Templates that extend, include and import one another."""
    writer, scope = Writer(draw), Scope(depth=2)

    def one(name: str) -> str:
        child = writer.pick(FAMILIES[name]).replace("$use", writer.pick(FAMILIES["uses"]))
        return writer.expand(child, scope)[0]

    others = {name: one(name) for name in ("base", "middle", "partial", "macros")}
    return Written(writer.spaced(one("children")), others, draw(options()), draw(st.booleans()))
