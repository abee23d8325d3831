"""The messages of a partition, as rows and as figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from engine.campaign.steps import SendEmail
from engine.pipeline.simulation.contract import DAY, SimulationPlan
from engine.pipeline.simulation.figures import MOST_DELAY, MOST_MESSAGES, Figures, count_into
from engine.pipeline.simulation.gate import Fate, Messages, Passed
from engine.pipeline.simulation.hours import DAY_MINUTES, MINUTE, ZoneClock
from engine.pipeline.simulation.people import VirtualPeople
from engine.pipeline.simulation.program import SimulatedProgram
from engine.pipeline.simulation.telling import branches_of
from engine.workflow.executions import INSTANT

MESSAGES = pa.schema(
    [
        pa.field("person", pa.string(), nullable=False),
        pa.field("workflow", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("step", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("template", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("branch", pa.dictionary(pa.int32(), pa.string())),  # the split taken last, as STEP:TARGET
        pa.field("decided_at", INSTANT, nullable=False),
        pa.field("at", INSTANT, nullable=False),  # when it goes, or would have gone
        pa.field("verdict", pa.dictionary(pa.int32(), pa.string()), nullable=False),  # `sent`, or why not
        pa.field("moved", pa.bool_(), nullable=False),  # put off by quiet hours or `send_at`
    ]
)
"""One row a message that an execution has decided on. Without metadata and in one order, whatever the partitions."""

_HOUR = 3_600_000_000
_MONDAY = 3  # 1 January 1970 was a Thursday


def messages_told(
    messages: Messages,
    passed: Passed,
    figures: Figures,
    plan: SimulationPlan,
    programs: Sequence[SimulatedProgram],
    people: VirtualPeople,
    clock: ZoneClock,
) -> pa.Table:
    """Count the messages, and give them as MESSAGES, by person and time."""
    _count(messages, passed, figures, plan, len(people), clock)
    order = np.lexsort((messages.step, messages.workflow, messages.at, messages.person))
    names = _Names(programs)
    workflow, step = messages.workflow[order], messages.step[order]
    flat = names.first_step[workflow] + step
    branch = messages.branch[order]
    branches = names.first_branch[workflow] + branch
    columns = [
        people.keys.take(pa.array(messages.person[order])),
        _dictionary(workflow, names.workflows),
        _dictionary(flat, names.steps),
        _dictionary(flat, names.templates),
        _dictionary(branches, names.branches, branch < 0),
        pa.array(messages.at[order]).view(INSTANT),
        pa.array(passed.at[order]).view(INSTANT),
        _dictionary(passed.fate[order], [each.label for each in Fate]),
        pa.array((passed.at != messages.at)[order]),
    ]
    return pa.Table.from_arrays(columns, schema=MESSAGES)


class _Names:
    """The steps of all workflows one behind the other, and the branches."""

    def __init__(self, programs: Sequence[SimulatedProgram]) -> None:
        self.workflows = [each.name for each in programs]
        self.steps = [name for each in programs for name in each.steps]
        sends = [
            step.template if isinstance(step, SendEmail) else "" for each in programs for step in each.campaign.workflow
        ]
        self.templates = sends
        self.branches = [name for each in programs for name in branches_of(each)]
        self.first_step = np.cumsum([0, *(len(each.steps) for each in programs)])
        self.first_branch = np.cumsum([0, *(len(branches_of(each)) for each in programs)])


def _dictionary(codes: np.ndarray, names: Sequence[str], missing: np.ndarray | None = None) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=missing), pa.array(names, pa.string()))


def _count(
    messages: Messages, passed: Passed, figures: Figures, plan: SimulationPlan, people: int, clock: ZoneClock
) -> None:
    sent, moved = passed.fate == Fate.SENT, passed.at != messages.at
    workflow = messages.workflow.astype(np.int64)
    for number, each in enumerate(figures.workflows):
        here = workflow == number
        count_into(each.fates, messages.step[here], passed.fate[here])
        count_into(each.moved, messages.step[here & moved])
        np.minimum.at(each.first, messages.step[here & sent], passed.at[here & sent])
        np.maximum.at(each.last, messages.step[here & sent], passed.at[here & sent])
    count_into(figures.planned, workflow, (messages.at - plan.start) // DAY)
    count_into(figures.sent, workflow[sent], (passed.at[sent] - plan.start) // DAY)
    capped = passed.fate == Fate.CAPPED
    count_into(figures.capped, workflow[capped], (passed.at[capped] - plan.start) // DAY)
    for place, at in enumerate((messages.at, passed.at[sent])):
        shown = clock.shown(at // MINUTE)
        count_into(figures.hours[place], (shown // DAY_MINUTES + _MONDAY) % 7, shown % DAY_MINUTES // 60)
    count_into(figures.delays, np.minimum((passed.at - messages.at)[moved & sent] // _HOUR, MOST_DELAY))
    each_got = np.bincount(messages.person[sent], minlength=people)
    count_into(figures.a_person, np.minimum(each_got, MOST_MESSAGES))
