"""What a simulation has found, as plain values: for `simulation.json`, for the terminal and for the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from engine.audience.eligibility import Verdict
from engine.campaign.steps import SendEmail
from engine.pipeline.simulation.contract import SECOND, SimulatedWorkflow, SimulationPlan
from engine.pipeline.simulation.figures import ENDS, OUTCOMES, Figures, Numbers, WorkflowFigures
from engine.pipeline.simulation.gate import Fate
from engine.pipeline.simulation.load import PRIORITIES, Load, flow
from engine.queueing.levels import LEVELS

_HOUR_MINUTES = 60


def summary_of(plan: SimulationPlan, figures: Figures, capacity: int) -> dict[str, Any]:
    """``capacity``: items a second that the queue's workers are taken to do."""
    fates = np.sum([each.fates.sum(axis=0) for each in figures.workflows], axis=0)
    first = datetime.fromtimestamp(plan.start // SECOND, UTC)
    return {
        "start": first.isoformat(),
        "end": (first + timedelta(days=plan.days)).isoformat(),
        "days": plan.days,
        "timezone": plan.zone,
        "people": figures.people,
        "messages": {
            "decided": int(fates.sum()),
            "verdicts": _fates(fates),
            "not_eligible": int(fates[: Verdict.ELIGIBLE].sum()),
            "moved": int(sum(each.moved.sum() for each in figures.workflows)),
        },
        "workflows": [
            _workflow(each, mine, figures, number)
            for number, (each, mine) in enumerate(zip(plan.workflows, figures.workflows, strict=True))
        ],
        "by_weekday_and_hour": {"decided": figures.hours[0].tolist(), "sent": figures.hours[1].tolist()},
        "put_off_by_hours": figures.delays.tolist(),
        "people_by_messages": figures.a_person.tolist(),
        "queue": _queue(flow(figures.items, capacity), figures.items, capacity),
    }


def _workflow(workflow: SimulatedWorkflow, figures: WorkflowFigures, all_: Figures, number: int) -> dict[str, Any]:
    campaign = workflow.campaign
    return {
        "name": campaign.name,
        "type": str(campaign.type),
        "priority": str(campaign.priority),
        "people": figures.people,
        "entered": int(figures.entered.sum()),
        "refused": {name: count for name, count in figures.refused.items() if count},
        "ended": {str(state): int(days.sum()) for state, days in zip(ENDS, figures.ended, strict=True)},
        "alive": figures.alive,
        "goals": int(figures.goals.sum()),
        "steps": [_step(workflow, figures, place) for place in range(len(campaign.workflow))],
        "by_day": {
            "entered": figures.entered.tolist(),
            "ended": {str(state): days.tolist() for state, days in zip(ENDS, figures.ended, strict=True)},
            "goals": figures.goals.tolist(),
            "decided": all_.planned[number].tolist(),
            "sent": all_.sent[number].tolist(),
            "capped": all_.capped[number].tolist(),
        },
    }


def _step(workflow: SimulatedWorkflow, figures: WorkflowFigures, place: int) -> dict[str, Any]:
    step = workflow.campaign.workflow[place]
    outcomes = figures.steps[place]
    told = {
        "id": step.id,
        "type": step.type,
        "visits": int(outcomes.sum()),
        "outcomes": {str(each): int(outcomes[code]) for code, each in enumerate(OUTCOMES) if outcomes[code]},
        "ways": {way: count for (name, way), count in sorted(figures.ways.items()) if name == step.id},
    }
    if isinstance(step, SendEmail):
        told |= {
            "template": step.template,
            "messages": _fates(figures.fates[place]),
            "moved": int(figures.moved[place]),
        }
        told |= {name: _instant(int(at[place])) for name, at in (("first", figures.first), ("last", figures.last))}
    return told


def _fates(counts: Numbers) -> dict[str, int]:
    return {each.label: int(counts[each]) for each in Fate}


def _instant(at: int) -> str | None:
    if abs(at) == np.iinfo(np.int64).max or at == np.iinfo(np.int64).min:
        return None
    return datetime.fromtimestamp(at // SECOND, UTC).isoformat()


def _queue(load: Load, items: Numbers, capacity: int) -> dict[str, Any]:
    """By priority what came, and how long the last of it waited; hour by hour for those that have any."""
    hours = items.shape[1] // _HOUR_MINUTES
    used = [place for place in range(len(PRIORITIES)) if items[place].any()]
    return {
        "capacity": capacity,
        "priorities": {
            str(PRIORITIES[place]): {
                **load.of[PRIORITIES[place]].as_dict,
                "may_wait_seconds": LEVELS[PRIORITIES[place]].wait / SECOND,
            }
            for place in used
        },
        "by_hour": {
            str(PRIORITIES[place]): {
                "items": items[place].reshape(hours, _HOUR_MINUTES).sum(axis=1).tolist(),
                "longest_wait_seconds": [
                    round(each, 2) for each in load.waits[place].reshape(hours, _HOUR_MINUTES).max(axis=1).tolist()
                ],
            }
            for place in used
        },
    }
