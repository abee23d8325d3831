"""A run as one HTML page that needs nothing but itself: no script, no request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """One message as it was sent: its subject, the two bodies, and the size of the whole in bytes."""

    template: str
    subject: str
    html: str
    text: str
    size: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a bar chart: a share of the largest, from 0 to 100."""

    name: str
    value: float
    percent: float
    note: str = ""


def render_page(
    manifest: Mapping[str, Any],
    summary: Mapping[str, Any],
    decisions: Sequence[Mapping[str, Any]],
    samples: Sequence[SampleMessage],
) -> str:
    """The page of a run from what it has on record."""
    plan, outcomes = summary["plan"], summary["outcomes"]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(thousands=_thousands, words=_words, seconds=_seconds)
    template = environment.from_string(
        resources.files("engine.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    )
    return template.render(
        manifest=manifest,
        summary=summary,
        plan=plan,
        outcomes=outcomes,
        funnel=_bars(_funnel(manifest, plan, outcomes)),
        verdicts=_bars(plan["verdicts"].items()),
        outcome_bars=_bars((name, count) for name, count in outcomes.items() if count),
        stages=_stages(summary["stages"]),
        decisions=decisions,
        samples=samples,
    )


def _funnel(
    manifest: Mapping[str, Any], plan: Mapping[str, Any], outcomes: Mapping[str, int]
) -> Iterable[tuple[str, int]]:
    if "audience" in manifest:
        yield "read", manifest["audience"]["source_rows"]
        yield "selected", manifest["audience"]["rows"]
    else:
        yield "decided", plan["recipients"]
    yield "eligible", plan["verdicts"].get("eligible", 0)
    yield "messages", plan["messages"]
    yield "accepted", outcomes.get("accepted", 0)


def _bars(rows: Iterable[tuple[str, float]]) -> list[Bar]:
    listed = list(rows)
    largest = max((value for _, value in listed), default=0) or 1
    return [Bar(name, value, 100 * value / largest) for name, value in listed]


def _stages(stages: Mapping[str, Mapping[str, float]]) -> list[Bar]:
    bars = _bars((name, figure["seconds"]) for name, figure in stages.items())
    return [Bar(bar.name, bar.value, bar.percent, _each(stages[bar.name])) for bar in bars]


def _each(figure: Mapping[str, float]) -> str:
    return f"{figure['seconds'] / figure['rows'] * 1e6:,.1f} µs a row" if figure["rows"] else ""


def _thousands(value: float) -> str:
    return f"{value:,.0f}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _seconds(value: float) -> str:
    return f"{value:,.2f} s"
