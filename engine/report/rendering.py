"""How all pages are rendered: one style, shared parts, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a bar chart: a share of the largest, from 0 to 100."""

    name: str
    value: float
    percent: float
    note: str = ""


def bars(rows: Iterable[tuple[str, float]]) -> list[Bar]:
    listed = list(rows)
    largest = max((value for _, value in listed), default=0) or 1
    return [Bar(name, value, 100 * value / largest) for name, value in listed]


def template(name: str) -> Template:
    """A page of this package."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_text)
    )
    environment.filters.update(thousands=_thousands, words=_words, seconds=_seconds)
    return environment.get_template(name)


def _text(name: str) -> str:
    return resources.files("engine.report").joinpath(name).read_text(encoding="utf-8")


def _thousands(value: float) -> str:
    return f"{value:,.0f}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _seconds(value: float) -> str:
    return f"{value:,.2f} s"
