"""A run as one HTML page that needs nothing but itself: no script, no request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.report.rendering import Bar, bars, template


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """One message as it was sent: its subject, the two bodies, and the size of the whole in bytes."""

    template: str
    subject: str
    html: str
    text: str
    size: int


def render_page(
    manifest: Mapping[str, Any],
    summary: Mapping[str, Any],
    decisions: Sequence[Mapping[str, Any]],
    samples: Sequence[SampleMessage],
) -> str:
    """The page of a run from what it has on record."""
    plan, outcomes = summary["plan"], summary["outcomes"]
    return template("page.html.j2").render(
        manifest=manifest,
        summary=summary,
        plan=plan,
        outcomes=outcomes,
        funnel=bars(_funnel(manifest, plan, outcomes)),
        verdicts=bars(plan["verdicts"].items()),
        outcome_bars=bars((name, count) for name, count in outcomes.items() if count),
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


def _stages(stages: Mapping[str, Mapping[str, float]]) -> list[Bar]:
    drawn = bars((name, figure["seconds"]) for name, figure in stages.items())
    return [Bar(bar.name, bar.value, bar.percent, _each(stages[bar.name])) for bar in drawn]


def _each(figure: Mapping[str, float]) -> str:
    return f"{figure['seconds'] / figure['rows'] * 1e6:,.1f} µs a row" if figure["rows"] else ""
