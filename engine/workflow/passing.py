"""A batch of executions goes on until each of them waits or has ended.

Each execution has its own time. It meets what concerns it in the order of time: what has happened to its person, the answer to its
call, and the instant at which it is due; of several in one instant, in this order. At each of these, all executions that meet one are
moved as cohorts, a step at a time. So it does not matter how late anybody looks, nor who stands in a batch beside whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.campaign import steps as schema
from engine.campaign.durations import microseconds
from engine.campaign.steps import END
from engine.workflow.cohort import NEVER, Advance, Cause, Cohort, Failure, Hold, Instants, Replies, Route
from engine.workflow.effects import EffectLog
from engine.workflow.executions import EffectKind, Outcome, State
from engine.workflow.frame import Frame
from engine.workflow.history import HistoryLog
from engine.workflow.news import Answers, Arrivals
from engine.workflow.plot import Plot
from engine.workflow.standing import CODES, Rows, Standing

MOST_MEETINGS = 10_000
"""Of one execution in one batch, unless more has been told of it; what is left after that is due at once."""
_NOBODY = np.zeros(0, dtype=np.int64)


class Passing:
    """One batch on its way; ``stopwatch`` gives seconds, and takes no part in what happens."""

    def __init__(
        self,
        plot: Plot,
        standing: Standing,
        frame: Frame,
        news: tuple[Arrivals | None, Answers | None],
        clock: int,
        stopwatch: Callable[[], float],
        keep_history: bool = True,
    ) -> None:
        self._plot, self._standing, self._frame = plot, standing, frame
        self._arrivals, self._answers = news
        self._clock = clock
        self._stopwatch = stopwatch
        self._time = standing.arrived.copy()
        self.history = HistoryLog(standing, plot.types, clock, keep_history)
        self.effects = EffectLog()
        self.wrote = np.zeros(len(standing), dtype=np.bool_)
        self.taken: dict[str, Counter[str]] = {name: Counter() for name in standing.steps}

    def go(self) -> None:
        active = np.flatnonzero(self._standing.alive)
        for meeting in count():
            if meeting >= MOST_MEETINGS:
                active = active[self._has_news(active)]
            if not len(active):
                return
            active = self._meet(active)

    def _has_news(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Who has been told something that they have not met yet: it is not told again."""
        has = np.zeros(len(rows), dtype=np.bool_)
        for news in (self._arrivals, self._answers):
            if news is not None:
                has |= news.time(rows, self._standing) < NEVER
        return has

    def _meet(self, rows: Rows) -> Rows:
        """Let each execution meet what comes next to it; gives those that may meet something more."""
        standing, none = self._standing, np.full(len(rows), NEVER, dtype=np.int64)
        happened = none if self._arrivals is None else self._arrivals.time(rows, standing)
        answered = none if self._answers is None else self._answers.time(rows, standing)
        due = np.where(standing.due[rows] <= self._clock, standing.due[rows], NEVER)
        first = np.minimum(np.minimum(happened, answered), due)
        met = first < NEVER
        self._time[rows] = np.where(met, first, self._time[rows])
        by_event = met & (happened == first)
        by_answer = met & ~by_event & (answered == first)
        running = [self._happen(rows[by_event]), self._answer(rows[by_answer])]
        running.append(self._wake(rows[met & ~by_event & ~by_answer]))
        self._run(np.concatenate(running))
        left = rows[met]
        return left[standing.alive[left]]

    def _happen(self, rows: Rows) -> Rows:
        """Events: first the rules, then the waits."""
        if not len(rows):
            return rows
        assert self._arrivals is not None
        places = self._arrivals.take(rows)
        running = []
        for name, which in self._arrivals.events(places).items():
            declared = self._plot.events.get(name or "")
            event = self._arrivals.properties(places[which], declared) if declared else None
            kept = self._obey(rows[which], name, event)
            later = self._arrivals.at[places[which]] > self._standing.arrived[rows[which]]
            running.append(self._end_waits(rows[which], kept, later, name, event))
        return np.concatenate(running)

    def _end_waits(
        self,
        rows: Rows,
        kept: npt.NDArray[np.bool_],
        later: npt.NDArray[np.bool_],
        name: str | None,
        event: pa.Array | None,
    ) -> Rows:
        standing = self._standing
        waiting = kept & (standing.state[rows] == CODES[State.WAITING])
        awaits = standing.names.index(name) if name in standing.names else -2
        running = []
        for cause, chosen in (
            (Cause.EVENT, waiting & later & (standing.awaits[rows] == awaits)),
            (Cause.CHANGED, waiting & np.isin(standing.step[rows], self._plot.watching)),
        ):
            for here in self._by_step(rows, chosen):
                properties = None if event is None else event.take(pa.array(here))
                running.append(self._work(rows[here], cause, properties if cause is Cause.EVENT else None))
        return np.concatenate([_NOBODY, *running])

    def _answer(self, rows: Rows) -> Rows:
        if not len(rows):
            return rows
        assert self._answers is not None
        running = []
        kept = rows[self._obey(rows)]
        for here in self._by_step(kept, np.ones(len(kept), dtype=np.bool_)):
            running.append(self._work(kept[here], Cause.REPLY, replies=self._answers.take(kept[here])))
        return np.concatenate([_NOBODY, *running])

    def _wake(self, rows: Rows) -> Rows:
        """Whoever is due: the ready come to their step, the waiting are woken at it."""
        ready = self._standing.state[rows] == CODES[State.READY]
        kept = rows[~ready]
        kept = kept[self._obey(kept)]
        running = [rows[ready]]
        for here in self._by_step(kept, np.ones(len(kept), dtype=np.bool_)):
            running.append(self._work(kept[here], Cause.TIMER))
        return np.concatenate(running)

    def _run(self, rows: Rows) -> None:
        """Work on the step of each, the first in the list first, until nobody goes on."""
        while len(rows):
            steps = self._standing.step[rows]
            here = steps == steps.min()
            standing_here = np.sort(rows[here])
            standing_here = standing_here[self._obey(standing_here)]
            rows = np.concatenate([rows[~here], self._work(standing_here, Cause.ARRIVED)])

    def _by_step(self, rows: Rows, chosen: npt.NDArray[np.bool_]) -> list[Rows]:
        """The places in ``rows`` of those chosen, a group for each step."""
        steps = self._standing.step[rows]
        return [np.flatnonzero(chosen & (steps == step)) for step in np.unique(steps[chosen])]

    def _obey(self, rows: Rows, event: str | None = None, properties: pa.Array | None = None) -> npt.NDArray[np.bool_]:
        """Note goals and let out whom an exit rule lets out; gives who stays."""
        stays = np.ones(len(rows), dtype=np.bool_)
        if not len(rows):
            return stays
        for rules, outcome in ((self._plot.goal, Outcome.GOAL), (self._plot.exits, Outcome.EXITED)):
            if not rules.looks_at(event):
                continue
            first = rules.first(self._cohort(rows, Cause.CHANGED, properties), event)
            holds = first < len(rules)
            if outcome is Outcome.GOAL:
                holds &= self._standing.goal[rows] == NEVER
            for place in np.unique(first[holds]):
                here = rows[holds & (first == place)]
                self.history.tell(here, self._time[here], outcome, rules.labels[place], worked=False)
            if outcome is Outcome.GOAL:
                self._standing.goal[rows[holds]] = self._time[rows[holds]]
            else:
                self._standing.end(rows[holds], State.EXITED, self._time[rows[holds]])
                stays = ~holds
        return stays

    def _cohort(
        self, rows: Rows, cause: Cause, event: pa.Array | None = None, replies: Replies | None = None
    ) -> Cohort:
        standing = self._standing
        return Cohort(
            self._frame, rows, self._time[rows], standing.until[rows], standing.tries[rows], cause, event, replies
        )

    def _work(self, rows: Rows, cause: Cause, event: pa.Array | None = None, replies: Replies | None = None) -> Rows:
        """Advance the cohort that stands at one step; gives who comes to another."""
        if not len(rows):
            return rows
        began = self._stopwatch()
        step = int(self._standing.step[rows[0]])
        cohort = self._cohort(rows, cause, event, replies)
        advance = self._plot.programs[step].advance(cohort)
        self._write(rows, advance)
        for effect in advance.effects:
            fields = dict.fromkeys(self._plot.fields) if effect.kind is EffectKind.SEND else {}
            batch = cohort.batch(list(fields)) if fields else None
            written = self._frame.snapshot(self._plot.written)
            columns = {name: batch.column(name) for name in fields} if batch is not None else {}
            self.effects.emit(self._standing, effect, rows, cohort.at, columns, written)
        work = 1e6 * (self._stopwatch() - began) / len(rows)
        running = [self._route(step, rows, cohort.at, route, work) for route in advance.routes]
        if advance.hold is not None:
            self._hold(rows, advance.hold)
        if advance.failure is not None:
            running.append(self._fail(step, rows, cohort.at, advance.failure, work))
        return np.concatenate([_NOBODY, *running])

    def _write(self, rows: Rows, advance: Advance) -> None:
        if not advance.columns:
            return
        good = np.logical_or.reduce([route.rows for route in advance.routes])
        for name, column in advance.columns.items():
            self._frame.write(name, rows[good], column if good.all() else column.filter(pa.array(good)))
        if not self._plot.context.isdisjoint(advance.columns):
            self.wrote[rows[good]] = True

    def _route(self, step: int, rows: Rows, at: Instants, route: Route, work: float) -> Rows:
        chosen = route.rows
        self.taken[self._standing.steps[step]][route.target] += int(chosen.sum())
        if not chosen.all():
            rows, at = rows[chosen], at[chosen]
        if not len(rows):
            return rows
        output = route.output
        if isinstance(output, pa.Array) and len(output) != len(rows):
            output = output.filter(pa.array(chosen))
        self.history.tell(rows, at, route.outcome, output, work=work)
        return self._go_on(rows, at, route.target)

    def _go_on(self, rows: Rows, at: Instants, target: str) -> Rows:
        if target == END:
            self._standing.end(rows, State.DONE, at)
            return _NOBODY
        self._standing.come_to(rows, self._plot.places[target], at)
        return rows

    def _hold(self, rows: Rows, hold: Hold) -> None:
        here = rows[hold.rows]
        self._standing.hold(here, State.WAITING, hold.due[hold.rows])
        if hold.until is not None:
            self._standing.until[here] = hold.until[hold.rows]
        if hold.awaits is not None:
            self._standing.awaits[here] = self._standing.name_code(hold.awaits)

    def _fail(self, step: int, rows: Rows, at: Instants, failure: Failure, work: float) -> Rows:
        """Try again as the step's rule says, or go on without it, unless it is critical."""
        here, at, errors = rows[failure.rows], at[failure.rows], failure.errors.filter(pa.array(failure.rows))
        if not len(here):
            return here
        self._standing.failed(here, errors)
        rule, critical, following = self._plot.failing[step]
        again = failure.again[failure.rows] & (self._standing.tries[here] + 1 < rule.attempts)
        for which, outcome in ((again, Outcome.RETRYING), (~again, Outcome.FAILED)):
            self.history.tell(here[which], at[which], outcome, error=errors.filter(pa.array(which)), work=work)
        due = at[again] + backoff(rule, self._standing.tries[here[again]])
        if failure.not_before is not None:
            due = np.maximum(due, failure.not_before[failure.rows][again])
        self._standing.hold(here[again], State.READY, due)
        self._standing.tries[here[again]] += 1
        if critical:
            self._standing.end(here[~again], State.FAILED, at[~again])
            return _NOBODY
        return self._go_on(here[~again], at[~again], following)


def backoff(rule: schema.Retry, tries: npt.NDArray[np.int32]) -> Instants:
    """How long to wait after so many failures before this one: doubled each time, in microseconds."""
    doublings = np.left_shift(np.int64(1), np.minimum(tries.astype(np.int64), 20))
    waits: Instants = np.minimum(microseconds(rule.backoff) * doublings, microseconds(rule.longest))
    return waits


Taken = Mapping[str, Mapping[str, int]]
