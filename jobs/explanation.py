"""How templates are compiled and what they cost, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from jobs.console import out

if TYPE_CHECKING:
    from engine.pipeline.explain import PartExplanation, TemplateExplanation


def as_dict(explanation: TemplateExplanation, templates: Path) -> dict[str, Any]:
    """The explanation as plain values; ``templates`` is the folder of the sources. Costs are microseconds a message."""
    return {
        "template": explanation.template,
        "messages_sampled": explanation.messages,
        "microseconds": {"render": _rounded(explanation.render), "mime": _rounded(explanation.mime)},
        "faults": dict(explanation.faults),
        "batches_row_by_row": list(explanation.rows_by_jinja),
        "parts": [_part(each, templates) for each in explanation.parts],
    }


def print_explanation(explanation: TemplateExplanation, templates: Path) -> None:
    out.print(f"\n[bold]{escape(explanation.template)}[/]  {_cost(explanation)}", soft_wrap=True)
    table = Table("part", "file", "vectorised in lines", "folded in lines", "µs", box=None, padding=(0, 2, 0, 2))
    table.columns[1].no_wrap = True
    table.columns[-1].justify = "right"
    for part in explanation.parts:
        for row in _rows(part, templates):
            table.add_row(*row)
    out.print(table)
    _list("row by row, which is slow", _fallbacks(explanation.parts))
    _list("in Python, once for each distinct value", _per_distinct(explanation.parts))
    _list("whole batches row by row", dict.fromkeys(explanation.rows_by_jinja))
    faults = {f"{count:,} of the sample: {reason}": None for reason, count in explanation.faults.items()}
    _list("cannot be made into a message", faults)


def _part(part: PartExplanation, templates: Path) -> dict[str, Any]:
    return {
        "part": part.part,
        "file": part.file,
        "made": _is_made(part, templates),
        "microseconds": _rounded(part.microseconds),
        "vectorised": {file: list(lines) for file, lines in part.vectorised.items()},
        "folded": {file: list(lines) for file, lines in part.folded.items()},
        "per_distinct": [{"file": file, "line": line, "what": what} for file, line, what in part.per_distinct],
        "fallbacks": [
            {"file": each.template, "line": each.line, "what": each.what, "why": each.why} for each in part.fallbacks
        ],
    }


def _rounded(microseconds: float | None) -> float | None:
    return None if microseconds is None else round(microseconds, 3)


def _cost(explanation: TemplateExplanation) -> str:
    if explanation.render is None or explanation.mime is None:
        return "not measured: the workflow sends it to nobody in the sample"
    return (
        f"{explanation.render:,.1f} µs to render + {explanation.mime:,.1f} µs for MIME = "
        f"{explanation.render + explanation.mime:,.1f} µs of processor time a message, measured on {explanation.messages:,}"
    )


def _rows(part: PartExplanation, templates: Path) -> Iterator[tuple[str, ...]]:
    """A row a file: the part's own first."""
    microseconds = "" if part.microseconds is None else f"{part.microseconds:,.2f}"
    name = f"{part.part} (made)" if _is_made(part, templates) else part.part
    for file in dict.fromkeys((part.file, *sorted({*part.vectorised, *part.folded}))):
        lines = [line_ranges(each.get(file, ())) or "-" for each in (part.vectorised, part.folded)]
        yield name, escape(file), *lines, microseconds
        name = microseconds = ""


def line_ranges(lines: Sequence[int]) -> str:
    """Ascending numbers in short: ``1-3, 7``."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _fallbacks(parts: Iterable[PartExplanation]) -> dict[str, None]:
    return dict.fromkeys(str(each) for part in parts for each in part.fallbacks)


def _per_distinct(parts: Iterable[PartExplanation]) -> dict[str, None]:
    return dict.fromkeys(f"{file}:{line}: {what}" for part in parts for file, line, what in part.per_distinct)


def _list(title: str, entries: Iterable[str]) -> None:
    entries = list(entries)
    if entries:
        out.print(f"  [italic]{title}[/]")
        for each in entries:
            out.print(f"    {each}", markup=False, soft_wrap=True)


def _is_made(part: PartExplanation, templates: Path) -> bool:
    """Whether the source was made: a text part of its page, a page of its MJML."""
    return not (templates / part.file).exists()
