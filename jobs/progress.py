"""The progress of a run: a live display on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from jobs.console import err

SECONDS_BETWEEN_LINES = 5.0
WAITING = {"deferred": "deferred", "unknown": "in doubt"}
PHASES = {"audience": "reading the audience", "plan": "planning", "deliver": "delivering"}


class Silent:
    """Watches without a word."""

    def phase(self, name: str, total: int) -> None:
        return None

    def done(self, rows: int, counts: Mapping[str, int]) -> None:
        return None

    def resting(self, counts: Mapping[str, int], until: int) -> None:
        return None


class Lines:
    """A line at the start of a phase and every few seconds, for logs."""

    def __init__(self) -> None:
        self._phase = ""
        self._total = 0
        self._told = 0.0
        self._rests = ""

    def phase(self, name: str, total: int) -> None:
        self._phase, self._total, self._told = PHASES.get(name, name), total, time.monotonic()
        err.print(f"{self._phase}: {total:,} rows")

    def done(self, rows: int, counts: Mapping[str, int]) -> None:
        now = time.monotonic()
        if now - self._told >= SECONDS_BETWEEN_LINES or rows >= self._total:
            self._told = now
            err.print(f"{self._phase}: {rows:,} of {self._total:,}  {_words(counts)}")

    def resting(self, counts: Mapping[str, int], until: int) -> None:
        words = resting_words(counts, until)
        if words != self._rests:
            self._rests = words
            err.print(f"{self._phase}: {words}")


class Bars:
    """A bar a phase, with rate, time left and counts by outcome."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=0, visible=False, counts="")
        self._total = 0

    def phase(self, name: str, total: int) -> None:
        self._finish()
        self._total = total
        self._task = self._progress.add_task(PHASES.get(name, name), total=total, counts="")

    def done(self, rows: int, counts: Mapping[str, int]) -> None:
        self._progress.update(self._task, completed=rows, counts=_words(counts))

    def resting(self, counts: Mapping[str, int], until: int) -> None:
        self._progress.update(self._task, counts=resting_words(counts, until))

    def _finish(self) -> None:
        self._progress.update(self._task, completed=self._total)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


@contextmanager
def watching(quiet: bool) -> Iterator[Silent | Lines | Bars]:
    """The observer that fits where the output goes."""
    if quiet:
        yield Silent()
    elif not err.is_terminal:
        yield Lines()
    else:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, TextColumn("[dim]{task.fields[counts]}"), console=err) as progress:
            bars = Bars(progress)
            yield bars
            bars._finish()


def resting_words(counts: Mapping[str, int], until: int) -> str:
    """``12 deferred, next at 14:05``: the machine's own time, with the day if that is another."""
    waiting = [f"{counts[name]:,} {words}" for name, words in WAITING.items() if counts.get(name)]
    due = datetime.fromtimestamp(until / 1_000_000)
    day = "" if due.date() == datetime.now().date() else f"{due.date()} "
    return f"{', '.join(waiting)}, next at {day}{due:%H:%M}"


def _words(counts: Mapping[str, int]) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count)
