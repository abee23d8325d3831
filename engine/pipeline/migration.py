"""All executions of a workflow from older versions to another, some thousand at a time.

An execution is moved as it is worked on: claimed, and saved whole. So whoever is killed on the way has moved some and not others, and
does the rest when it is run again; nobody is moved twice, for who has the new version is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from engine.campaign.schema import Campaign
from engine.errors import CampaignError, Diagnostic, InputError, InternalError, did_you_mean
from engine.pipeline.executions import Clock, pages, standing, versions_of
from engine.workflow.cohort import REPLY
from engine.workflow.definition import Definition, definition_of, pinned
from engine.workflow.executions import ALIVE, EFFECTS, ExecutionStore
from engine.workflow.migration import Migration, check_map, migrate

LEASE = 60_000_000  # microseconds: to move a batch takes moments
SHOWN = 3  # ids of those who go one way


@dataclass(frozen=True, slots=True)
class Route:
    """The map of a migration that was checked: each old version on which somebody is alive, as a campaign, and where its steps lead."""

    campaign: Campaign
    definition: Definition
    old: Mapping[str, Campaign]
    targets: Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class Way:
    """How many executions of a version go from a step to another (`end` for the end), and the ids of the first few."""

    version: str
    from_step: str
    to_step: str
    executions: int = 0
    ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Moved:
    """``answering``: left where they are, for a webhook's answer is on its way; ``busy``: left, for somebody works on them just now."""

    executions: int = 0
    answering: int = 0
    busy: int = 0


def plan_route(store: ExecutionStore, campaign: Campaign, steps: Mapping[str, str]) -> Route:
    """Where everybody alive on another version of the campaign's workflow would go.

    A name in ``steps`` need be a step of any version only, so that a map holds until the last has moved.

    Raises:
        CampaignError: (MR181) the map names a step that is not there, or leaves one out that leads nowhere.
        InputError: (MR184) the definition of a version is not kept, or is none.
        InternalError: (MR180) somebody stands at a step that their version does not have.
    """
    definition = definition_of(campaign)
    stands: dict[str, set[str]] = {}
    for row in standing(store, campaign.name, ALIVE):
        if row["version"] != definition.version:
            stands.setdefault(row["version"], set()).add(row["step"])
    old = {version: _pinned(store, campaign, version) for version in stands}
    targets, faults = {}, _strange_names(store, campaign.name, steps) if old else []
    for version, each in old.items():
        known = {step.id for step in each.workflow}
        if lost := sorted(stands[version] - known):
            raise InternalError.single(
                "MR180", f"an execution stands at `{lost[0]}`, which its definition ({version}) does not have"
            )
        try:
            targets[version] = check_map({name: to for name, to in steps.items() if name in known}, each, campaign)
        except CampaignError as fault:
            faults += fault.diagnostics
    if faults:
        raise CampaignError(*dict.fromkeys(faults))
    return Route(campaign, definition, old, targets)


def who_moves(store: ExecutionStore, route: Route) -> tuple[list[Way], Moved]:
    """Who would go where if they were moved now; nothing changes."""
    ways: dict[tuple[str, str], Way] = {}
    would = Moved()
    for page in pages(store, route.campaign.name, ALIVE):
        for name, version, step, awaits in zip(
            *(page.column(each).to_pylist() for each in ("execution_id", "version", "step", "awaits")), strict=True
        ):
            target = route.targets.get(version, {}).get(step)
            if target is None:
                continue
            if awaits == REPLY:
                would.answering += 1
                continue
            way = ways.setdefault((version, step), Way(version, step, target))
            way.executions += 1
            would.executions += 1
            way.ids += [name] if len(way.ids) < SHOWN else []
    return [ways[key] for key in sorted(ways)], would


def move(store: ExecutionStore, route: Route, clock: Clock) -> Moved:
    """Move all whom the route concerns and who are free; who is not is counted, and moved when this is done again."""
    store.define(route.campaign.name, route.definition.version, route.definition.text)
    moved = Moved()
    for page in pages(store, route.campaign.name, ALIVE):
        staying = page.filter(_of_versions(page, route))
        if staying.num_rows:
            _move_some(store, route, staying, clock, moved)
    return moved


def _move_some(store: ExecutionStore, route: Route, page: pa.RecordBatch, clock: Clock, moved: Moved) -> None:
    now = clock()
    claimed = store.concerned(route.campaign.name, page.column("user_id").to_pylist(), now, now + LEASE).executions
    mine = _of_versions(claimed, route)
    store.release(claimed.filter(pc.invert(mine)))
    claimed = claimed.filter(mine)
    gone = answering = 0
    for version in claimed.column("version").unique().to_pylist():
        some = claimed.filter(pc.equal(claimed.column("version"), version))
        done = migrate(some, route.targets[version], route.old[version], route.campaign, route.definition.version, now)
        gone += store.save(done.executions, done.history, pa.RecordBatch.from_pylist([], schema=EFFECTS))
        answering += done.left
        store.release(_left(some, done))
    moved.executions += gone
    moved.answering += answering
    moved.busy += max(page.num_rows - gone - answering, 0)


def _left(claimed: pa.RecordBatch, done: Migration) -> pa.RecordBatch:
    moving = pc.is_in(claimed.column("execution_id"), done.executions.column("execution_id"))
    return claimed.filter(pc.invert(moving))


def _of_versions(executions: pa.RecordBatch, route: Route) -> pa.BooleanArray:
    return pa.array(np.isin(executions.column("version").to_pylist(), list(route.old)), pa.bool_())


def _strange_names(store: ExecutionStore, workflow: str, steps: Mapping[str, str]) -> list[Diagnostic]:
    """Faults of the names that are a step of no version."""
    known = sorted({step for row in versions_of(store, workflow) for step in row.steps})
    return [
        Diagnostic("MR181", f"no version has a step `{name}`", help=did_you_mean(name, known))
        for name in steps
        if name not in known
    ]


def _pinned(store: ExecutionStore, campaign: Campaign, version: str) -> Campaign:
    text = store.definition(campaign.name, version)
    help = "whoever stands there can be cancelled: `mailray executions cancel`"
    if text is None:
        raise InputError.single("MR184", f"the definition of version {version} is not kept", help=help)
    try:
        return pinned(campaign, text)
    except (ValidationError, ValueError, KeyError, TypeError) as fault:
        raise InputError.single("MR184", f"the definition of version {version} cannot be read", help=help) from fault
