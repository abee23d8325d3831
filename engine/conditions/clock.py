"""The run's clock in a condition: every instant of it is the same, whichever worker evaluates it, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlglot import exp

from engine.conditions.parse import DIALECT, locate_in, parse_condition, replaced

ROW_CLOCK = "now"


def with_clock(root: exp.Expr, now: datetime, timezone: str) -> exp.Expr:
    """A copy of ``root`` in which ``now()`` and ``current_date`` are constants, the date that of ``timezone``.

    Raises:
        ValueError: ``now`` has no offset.
    """
    if now.tzinfo is None:
        raise ValueError("the run's clock needs an offset from UTC")
    instant = _constant(now.astimezone(UTC).isoformat(sep=" ", timespec="microseconds"), "TIMESTAMPTZ")
    today = _constant(now.astimezone(ZoneInfo(timezone)).date().isoformat(), "DATE")
    return _replaced(root, instant, today)


def with_row_clock(root: exp.Expr) -> exp.Expr:
    """A copy of ``root`` that reads the time of each row in the column ROW_CLOCK; dates are those of the session's zone."""
    instant = exp.column(ROW_CLOCK, quoted=True)
    return _replaced(root, instant, exp.Cast(this=instant.copy(), to=exp.DataType.build("DATE", dialect=DIALECT)))


def reads_clock(condition: str) -> bool:
    """Whether a checked condition may change though nothing of a row does. Raises CampaignError when it is not in the language."""
    root, _ = parse_condition(condition, locate_in(condition))
    return any(_is_instant(node) or isinstance(node, exp.CurrentDate) for node in root.walk())


def _replaced(root: exp.Expr, instant: exp.Expr, today: exp.Expr) -> exp.Expr:
    copy = root.copy()
    for node in list(copy.walk()):
        if _is_instant(node):
            copy = replaced(copy, node, instant.copy())
        elif isinstance(node, exp.CurrentDate):
            copy = replaced(copy, node, today.copy())
    return copy


def _is_instant(node: exp.Expr) -> bool:
    return isinstance(node, exp.CurrentTimestamp) or (isinstance(node, exp.Anonymous) and node.name.lower() == "now")


def _constant(text: str, kind: str) -> exp.Expr:
    return exp.Cast(this=exp.Literal.string(text), to=exp.DataType.build(kind, dialect=DIALECT))
