"""Who is moved, who is left, and that nobody else is held up meanwhile."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from engine.campaign.schema import Campaign
from engine.errors import CampaignError, InternalError
from engine.pipeline import executions as paging
from engine.pipeline.migration import Moved, move, plan_route, who_moves
from engine.workflow.definition import definition_of
from engine.workflow.executions import AFTER_EXIT, EFFECTS, ENTRIES, EXECUTIONS, HISTORY
from engine.workflow.memory import MemoryExecutions

NOW = 1_772_323_200_000_000


def campaign_of(*steps: str) -> Campaign:
    values = {
        **{"name": "cart", "type": "abandoned_cart", "audience": {"source": "a.parquet", "key": "id"}},
        "workflow": [{"id": step, "type": "wait_condition", "for": "1 day"} for step in steps],
        "delivery": {"from": {"address": "news@example.com"}},
    }
    return Campaign.model_validate(values, by_alias=True, by_name=False)


OLD, OLDER, NEW = campaign_of("rest", "pause"), campaign_of("rest", "nap"), campaign_of("rest", "quiet")


def batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array([row.get(each.name) for row in rows], each.type) for each in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def enter(store: MemoryExecutions, campaign: Campaign, *users: str, workflow: str = "cart", step: str = "rest") -> None:
    definition = definition_of(campaign)
    store.define(workflow, definition.version, definition.text)
    same = {"workflow": workflow, "version": definition.version, "trigger": "api", "step": step, "at": NOW}
    rows = [{**same, "execution_id": f"{workflow} {user}", "user_id": user} for user in users]
    assert store.enter(batch(rows, ENTRIES), AFTER_EXIT).num_rows == len(users)


def versions(store: MemoryExecutions, workflow: str = "cart") -> dict[str, int]:
    return {row["version"]: row["executions"] for row in store.counts(workflow).to_pylist()}


@pytest.fixture
def store() -> MemoryExecutions:
    return MemoryExecutions()


def test_page_after_page_is_moved(store: MemoryExecutions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "BATCH", 2)
    enter(store, OLD, *"abcde")
    enter(store, NEW, "f")
    route = plan_route(store, NEW, {"pause": "quiet"})
    (way,), would = who_moves(store, route)
    assert (way.executions, way.ids, would) == (5, ["cart a", "cart b", "cart c"], Moved(5))
    assert move(store, route, lambda: NOW) == Moved(5)
    assert versions(store) == {definition_of(NEW).version: 6}
    assert who_moves(store, plan_route(store, NEW, {})) == ([], Moved())


def test_whoever_is_worked_on_is_left_and_moved_later(store: MemoryExecutions) -> None:
    enter(store, OLD, "a", "b")
    held = store.due(["cart"], NOW, 1, NOW + 10)
    route = plan_route(store, NEW, {"pause": "quiet"})
    assert move(store, route, lambda: NOW) == Moved(1, busy=1)
    assert store.save(held, batch([], HISTORY), batch([], EFFECTS)) == 1  # its claim was not taken from it
    assert move(store, route, lambda: NOW) == Moved(1)


def test_their_other_workflows_are_free_again(store: MemoryExecutions) -> None:
    enter(store, OLD, "a")
    enter(store, OLD, "a", workflow="welcome")
    before = versions(store, "welcome")
    assert move(store, plan_route(store, NEW, {"pause": "quiet"}), lambda: NOW) == Moved(1)
    assert versions(store, "welcome") == before
    assert store.concerned("welcome", ["a"], NOW, NOW + 1).busy == ()


def test_who_awaits_an_answer_is_left_and_free(store: MemoryExecutions) -> None:
    enter(store, OLD, "a")
    (row,) = store.due(["cart"], NOW, 1, NOW + 10).to_pylist()
    asking = batch([row | {"state": "waiting", "due": None, "awaits": "reply"}], EXECUTIONS)
    store.save(asking, batch([], HISTORY), batch([], EFFECTS))
    route = plan_route(store, NEW, {"pause": "quiet"})
    assert who_moves(store, route) == ([], Moved(answering=1))
    assert move(store, route, lambda: NOW) == Moved(answering=1)
    assert store.concerned("cart", ["a"], NOW, NOW + 1).busy == ()


def test_every_old_version_has_its_way(store: MemoryExecutions) -> None:
    enter(store, OLD, "a", step="pause")
    enter(store, OLDER, "b", step="nap")
    with pytest.raises(CampaignError) as caught:
        plan_route(store, NEW, {"pause": "quiet", "naps": "quiet"})
    assert [each.message for each in caught.value.diagnostics] == [
        "no version has a step `naps`",
        "the new version has no step `nap`, and the map does not name it",
    ]
    assert caught.value.diagnostics[0].help == "did you mean `nap`?"
    ways, _ = who_moves(store, plan_route(store, NEW, {"pause": "quiet", "nap": "end"}))
    assert sorted((way.from_step, way.to_step) for way in ways) == [("nap", "end"), ("pause", "quiet")]
    store.cancel(["cart a"], NOW)  # nobody is at `pause` any more, and the map holds all the same
    assert plan_route(store, NEW, {"pause": "quiet", "nap": "end"}).targets.keys() == {definition_of(OLDER).version}


def test_a_step_that_the_version_does_not_have(store: MemoryExecutions) -> None:
    enter(store, OLD, "a", step="lost")
    with pytest.raises(InternalError, match="MR180"):
        plan_route(store, NEW, {"pause": "quiet", "lost": "quiet"})
