"""Programs of live workflows: each is compiled once, and what cannot be is told each time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from engine.campaign.schema import Campaign
from engine.errors import CampaignError
from engine.pipeline.automation.contract import LiveWorkflow
from engine.pipeline.automation.programs import Programs
from engine.pipeline.definition import PlanDefinition
from engine.workflow.definition import definition_of
from engine.workflow.executions import EXECUTIONS
from engine.workflow.memory import MemoryExecutions
from engine.workflow.scope import Scope, StepKind

AUDIENCE = pa.schema([("user_id", pa.string()), ("tier", pa.string())])
SORT = {"id": "sort", "type": "segment_user", "into": "level", "choices": [{"when": "tier = 'gold'", "value": "high"}]}
SEND = {"id": "send", "type": "send_email", "template": "offer"}


def live_of(*workflow: dict[str, Any]) -> LiveWorkflow:
    values = {
        **{"name": "cart", "type": "abandoned_cart", "audience": {"source": "store:", "key": "user_id"}},
        **{"workflow": list(workflow), "delivery": {"from": {"address": "news@example.com"}}},
    }
    campaign = Campaign.model_validate(values, by_alias=True, by_name=False)
    plan = PlanDefinition(campaign, AUDIENCE, ("tier", "level"), datetime(2026, 3, 1, tzinfo=UTC))
    return LiveWorkflow(plan, definition_of(campaign))


def code_of(programs: Programs, version: str) -> str:
    with pytest.raises(CampaignError) as caught:
        programs.workflow("cart", version)
    return caught.value.diagnostics[0].code


def test_each_is_compiled_once() -> None:
    old, new, executions = live_of(SEND), live_of(SORT, SEND), MemoryExecutions()
    programs = Programs([new], executions, {})
    executions.define("cart", old.definition.version, old.definition.text)
    versions = (new.definition.version, old.definition.version)
    assert all(programs.workflow("cart", each) is programs.workflow("cart", each) for each in versions)
    assert programs.trigger("cart") is programs.trigger("cart")
    assert programs.workflow("cart", versions[0]) is not programs.workflow("cart", versions[1])
    assert programs.live("cart") is new


@pytest.mark.parametrize(("steps", "payload"), [
    ([SEND], '{"template":"offer","tier":"gold"}'),
    ([SORT, SEND], '{"template":"offer","tier":"gold","level":"high"}'),
])  # fmt: skip
def test_a_message_takes_what_its_version_has(steps: list[dict[str, Any]], payload: str) -> None:
    """Of the columns that today's templates read."""
    executions, version = MemoryExecutions(), live_of(*steps).definition
    executions.define("cart", version.version, version.text)
    row = {
        **{"execution_id": "x", "workflow": "cart", "version": version.version, "user_id": "ann", "trigger": "api"},
        **{"state": "ready", "step": steps[0]["id"], **dict.fromkeys(("entered_at", "arrived_at", "due"), 1)},
        **dict.fromkeys(("occurrence", "retry_count", "moves", "claim", "seen"), 0),
    }
    begun = pa.RecordBatch.from_arrays(
        [pa.array([row.get(each.name)], each.type) for each in EXECUTIONS], schema=EXECUTIONS
    )
    people = pa.RecordBatch.from_pylist([{"user_id": "ann", "tier": "gold"}], schema=AUDIENCE)
    with Programs([live_of(SORT, SEND)], executions, {}).workflow("cart", version.version).used() as program:
        assert program.advance(begun, people, 9).effects.column("payload").to_pylist()[-1] == payload


def test_what_cannot_be_compiled_is_told_each_time_and_tried_once() -> None:
    tries = []

    def fails(given: Mapping[str, Any], scope: Scope) -> Any:
        tries.append(given)
        raise RuntimeError("whatever it says")

    installed: Mapping[str, StepKind] = {"odd": fails}
    live = live_of({"id": "odd", "type": "generic", "uses": "odd"})
    programs = Programs([live], MemoryExecutions(), installed)
    assert [code_of(programs, live.definition.version) for _ in range(2)] == ["MR861"] * 2
    assert len(tries) == 1
    with pytest.raises(CampaignError, match=r"`odd`, which is not installed"):
        Programs([live], MemoryExecutions(), {}).workflow("cart", live.definition.version)


def test_a_version_that_nobody_knows_is_asked_for_again() -> None:
    old, executions = live_of(SEND), MemoryExecutions()
    programs = Programs([live_of(SORT, SEND)], executions, {})
    assert code_of(programs, old.definition.version) == "MR860"
    executions.define("cart", old.definition.version, old.definition.text)
    programs.workflow("cart", old.definition.version)
    executions.define("cart", "broken", "{")
    assert code_of(programs, "broken") == "MR861"
