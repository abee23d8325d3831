"""Charts as inline SVG: no script, no request. Colours are the page's (``--c1`` to ``--c6``), so they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 1_000, 250
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 26, 30
COLOURS = 6
MOST_POINTS = 1_000


@dataclass(frozen=True, slots=True)
class Series:
    """``colour`` is from 1 to COLOURS; ``limit`` is drawn as a dashed line in the same colour, and a ``dashed`` series as one too."""

    name: str
    values: Sequence[float]
    colour: int
    limit: float | None = None
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """``labels`` name some of the places of the values: place and text; ``unit`` is what the values are."""

    unit: str
    labels: Sequence[tuple[int, str]]


def stacked_bars(title: str, series: Sequence[Series], axis: Axis, names: Sequence[str]) -> Markup:
    """A bar for each place, in which the series stand on one another; ``names`` are what a pointer on it is told."""
    count = len(names)
    totals = [sum(each.values[place] for each in series) for place in range(count)]
    top, ticks = _linear(max(totals, default=0))
    step = (WIDTH - LEFT - RIGHT) / max(count, 1)
    drawn = []
    for place, name in enumerate(names):
        below, x = 0.0, LEFT + place * step
        shown = ", ".join(f"{each.name} {each.values[place]:,.0f}" for each in series)
        bars = []
        for each in series:
            height = _PLOT * each.values[place] / top
            if height > 0:
                y = TOP + _PLOT - below - height
                bars.append(
                    f'<rect x="{x + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}" class="c{each.colour}"/>'
                )
            below += height
        drawn.append(f"<g><title>{escape(name)}: {escape(shown)}</title>{''.join(bars)}</g>")
    grid = _grid([(TOP + _PLOT - _PLOT * tick / top, _short(tick)) for tick in ticks])
    below_axis = _below(axis, lambda place: LEFT + (place + 0.5) * step)
    return _svg(title, grid + "".join(drawn) + below_axis) + _legend(series)


def lines(title: str, series: Sequence[Series], axis: Axis, *, seconds: bool = False) -> Markup:
    """A line for each series; with ``seconds`` on a scale of powers of ten, on which nothing is below a hundredth of a second."""
    limits = [each.limit for each in series if each.limit is not None]
    most = max([*(max(each.values, default=0) for each in series), *(limits if seconds else [])], default=0)
    place_of, ticks = _logarithmic(most) if seconds else _of_linear(most)
    count = max((len(each.values) for each in series), default=1)
    width = (WIDTH - LEFT - RIGHT) / max(count, 1)
    drawn = [_line(each, width, place_of) for each in series]
    dashes = [
        f'<path class="l{each.colour} limit" d="M{LEFT},{place_of(each.limit):.1f}H{WIDTH - RIGHT}">'
        f"<title>{escape(each.name)}: at most {_duration(each.limit)}</title></path>"
        for each in series
        if each.limit is not None
    ]
    grid = _grid([(place_of(tick), _duration(tick) if seconds else _short(tick)) for tick in ticks])
    below_axis = _below(axis, lambda place: LEFT + (place + 0.5) * width)
    return _svg(title, grid + "".join(dashes) + "".join(drawn) + below_axis) + _legend(series)


def heat_map(title: str, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]]) -> Markup:
    """A cell for each row and column, the darker the more."""
    most = max((max(row, default=0) for row in values), default=0) or 1
    width, height = (WIDTH - LEFT) / len(columns), 30
    drawn = []
    for number, (name, row) in enumerate(zip(rows, values, strict=True)):
        y = number * height
        drawn.append(f'<text class="tick end" x="{LEFT - 8}" y="{y + 20}">{escape(name)}</text>')
        for place, (column, value) in enumerate(zip(columns, row, strict=True)):
            share = value / most
            x = LEFT + place * width
            drawn.append(
                f"<g><title>{escape(name)} {escape(column)}: {value:,.0f}</title>"
                f'<rect class="cell" x="{x + 1:.1f}" y="{y + 1}" width="{width - 2:.1f}" height="{height - 2}" rx="3"'
                f' fill-opacity="{0.05 + 0.95 * share:.3f}"/>'
                f'<text class="{"on" if share > 0.5 else "tick"} middle" x="{x + width / 2:.1f}" y="{y + 19}">'
                f"{_short(value) if value else ''}</text></g>"
            )
    foot = len(rows) * height + 16
    for place, column in enumerate(columns):
        drawn.append(
            f'<text class="tick middle" x="{LEFT + (place + 0.5) * width:.1f}" y="{foot}">{escape(column)}</text>'
        )
    return _svg(title, "".join(drawn), foot + 8)


_PLOT = HEIGHT - TOP - BOTTOM


def _line(series: Series, width: float, place_of: Callable[[float], float]) -> str:
    """Of very many values the largest of some beside one another."""
    gathered = max(1, -(-len(series.values) // MOST_POINTS))
    points = [
        (LEFT + (place + gathered / 2) * width, place_of(max(series.values[place : place + gathered])))
        for place in range(0, len(series.values), gathered)
    ]
    path = "L".join(f"{min(x, WIDTH - RIGHT):.1f},{y:.1f}" for x, y in points)
    dashed = " dashed" if series.dashed else ""
    return f'<path class="l{series.colour}{dashed}" d="M{path}"/>' if points else ""


def _linear(most: float) -> tuple[float, list[float]]:
    """The end of an axis that begins at nothing, and its ticks: 1, 2 or 5 times a power of ten apart."""
    if most <= 0:
        return 1.0, [0.0, 1.0]
    rough = most / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough)
    step = max(step, 1.0)
    count = math.ceil(most / step)
    return step * count, [step * number for number in range(count + 1)]


def _of_linear(most: float) -> tuple[Callable[[float], float], list[float]]:
    top, ticks = _linear(most)
    return (lambda value: TOP + _PLOT - _PLOT * value / top), ticks


def _logarithmic(most: float) -> tuple[Callable[[float], float], list[float]]:
    """Seconds, from a hundredth on."""
    steps = [each for each in _SECONDS if each < most]
    ticks = [*steps, next((each for each in _SECONDS if each >= most), _SECONDS[-1])]
    low, high = math.log10(_SECONDS[0]), math.log10(max(ticks[-1], most, 1.0))
    return (
        lambda value: TOP + _PLOT - _PLOT * (math.log10(max(value, _SECONDS[0])) - low) / max(high - low, 1e-9)
    ), ticks


_SECONDS = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0)


def _grid(ticks: Sequence[tuple[float, str]]) -> str:
    return "".join(
        f'<path class="grid" d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}"/><text class="tick end" x="{LEFT - 8}" y="{y + 4:.1f}">{text}</text>'
        for y, text in ticks
    )


def _below(axis: Axis, place_of: Callable[[int], float]) -> str:
    labels = "".join(
        f'<text class="tick middle" x="{place_of(place):.1f}" y="{HEIGHT - 10}">{escape(text)}</text>'
        for place, text in axis.labels
    )
    return labels + f'<text class="tick" x="0" y="12">{escape(axis.unit)}</text>'


def _legend(series: Sequence[Series]) -> Markup:
    entries = (f'<span><i class="c{each.colour}"></i>{escape(each.name)}</span>' for each in series)
    return Markup(f'<p class="legend">{"".join(entries)}</p>')  # noqa: S704  every name is escaped


def _svg(title: str, drawn: str, height: int = HEIGHT) -> Markup:
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
    return Markup(f"{head}{drawn}</svg>")  # noqa: S704  every text in it is escaped


def _short(value: float) -> str:
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def _duration(seconds: float) -> str:
    for size, suffix in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds / size:.3g} {suffix}"
    return f"{seconds * 1_000:.3g} ms"
