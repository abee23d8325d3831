"""Definitions that executions are pinned to, and the way from one to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from engine.campaign.schema import Campaign
from engine.errors import CampaignError
from engine.workflow.definition import again_after, definition_of, pinned
from engine.workflow.executions import EXECUTIONS, HISTORY
from engine.workflow.migration import check_map, migrate

WAIT = {"id": "wait", "type": "wait_condition", "for": "1 day"}
SEND = {"id": "offer", "type": "send_email", "template": "offer"}
OLD = [WAIT, SEND, {"id": "pause", "type": "wait_condition", "for": "2 days"}]
NEW = [WAIT, {**SEND, "template": "better"}, {"id": "rest", "type": "wait_condition", "for": "5 days"}]
MakeCampaign = Callable[..., Campaign]


def test_the_version_is_what_decides_how_executions_go_on(make_campaign: MakeCampaign) -> None:
    version = definition_of(make_campaign(OLD)).version
    assert definition_of(make_campaign(OLD, description="other words")).version == version
    for changed in ({"workflow": NEW}, {"exit": [{"event": "a"}]}, {"segments": {"s": "n = 1"}}, {"events": {"a": {}}}):
        assert definition_of(make_campaign(**{"workflow": OLD, **changed})).version != version  # type: ignore[arg-type]


def test_who_is_pinned_keeps_their_workflow_and_has_todays_rest(make_campaign: MakeCampaign) -> None:
    every = [
        *OLD,
        {"id": "tell", "type": "trigger_webhook", "url": "https://example.com/", "response": {"a": {"path": "b"}}},
    ]
    old = make_campaign(every, exit=[{"event": "a"}], segments={"s": "n = 1"})
    found = pinned(make_campaign(NEW, description="today"), definition_of(old).text)
    assert (found.workflow, found.exit, found.segments, found.description) == (
        old.workflow,
        old.exit,
        old.segments,
        "today",
    )
    assert definition_of(found) == definition_of(old)


@pytest.mark.parametrize(("rule", "after"), [("never", None), ("after_exit", 0), ("2 hours", 7_200_000_000)])
def test_reentry(make_campaign: MakeCampaign, rule: str, after: int | None) -> None:
    assert again_after(make_campaign(OLD, reentry=rule)) == after


def test_a_map_leads_everybody_somewhere(make_campaign: MakeCampaign) -> None:
    old, new = make_campaign(OLD), make_campaign(NEW)
    assert check_map({"pause": "rest"}, old, new) == {"wait": "wait", "offer": "offer", "pause": "rest"}
    with pytest.raises(CampaignError) as caught:
        check_map({"puase": "rest", "wait": "rset"}, old, new)
    assert [each.message for each in caught.value.diagnostics] == [
        "the old version has no step `puase`",
        "the new version has no step `rset`",
        "the new version has no step `pause`, and the map does not name it",
    ]
    assert [each.help for each in caught.value.diagnostics][:2] == ["did you mean `pause`?", "did you mean `rest`?"]


def test_who_moves_where(make_campaign: MakeCampaign, make_batch: Callable[..., pa.RecordBatch]) -> None:
    stands: list[dict[str, Any]] = [
        {"execution_id": "a", "state": "waiting", "step": "wait", "due": 500, "until": None},
        {"execution_id": "b", "state": "waiting", "step": "pause", "due": 500, "retry_count": 2},
        {"execution_id": "c", "state": "ready", "step": "offer", "due": 50},
        {"execution_id": "d", "state": "done", "step": "offer"},
        {"execution_id": "e", "state": "waiting", "step": "offer", "awaits": "reply"},
    ]
    same = {
        "workflow": "cart",
        "version": "v1",
        "user_id": "u",
        "trigger": "api",
        "entered_at": 1,
        "arrived_at": 10,
        "moves": 3,
    }
    numbers = {"occurrence": 0, "retry_count": 0, "claim": 4, "seen": 5}
    executions = make_batch([{**same, **numbers, **each} for each in stands], EXECUTIONS)
    found = migrate(executions, {"pause": "end"}, make_campaign(OLD), make_campaign(NEW), "v2", 100)
    assert found.moves.to_pylist() == [
        {"from": "offer", "to": "offer", "executions": 1},
        {"from": "pause", "to": "end", "executions": 1},
        {"from": "wait", "to": "wait", "executions": 1},
    ]
    assert found.left == 1
    rows = {row["execution_id"]: row for row in found.executions.to_pylist()}
    shown = {
        name: (row["state"], row["step"], row["due"] and row["due"].microsecond, row["occurrence"], row["retry_count"])
        for name, row in rows.items()
    }
    assert shown == {
        "a": ("waiting", "wait", 500, 1, 0),  # waits on: the step is the same
        "b": ("done", "pause", None, 0, 0),
        "c": ("ready", "offer", 100, 1, 0),  # its step has changed
    }
    assert {(row["version"], row["moves"], row["claim"]) for row in rows.values()} == {("v2", 4, 4)}
    assert found.history.schema.equals(HISTORY)
    told = [
        (row["execution_id"], row["move"], row["outcome"], row["output"], row["stood_us"])
        for row in found.history.to_pylist()
    ]
    assert told[1] == ("b", 3, "migrated", "pause -> end (v2)", 90)
