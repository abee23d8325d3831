"""What comes out of the store, for whom, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine.adapters.queues.memory import MemoryQueue
from engine.audience.store import ARRIVED
from engine.campaign.schema import Campaign, Priority
from engine.pipeline.automation.contract import LiveWorkflow
from engine.pipeline.automation.intake import MARK, MOST_CHANGES, Hearing, Intake, events_of, last_position
from engine.pipeline.definition import TENANT, PlanDefinition
from engine.queueing.admission import Room
from engine.workflow.definition import Definition, definition_of
from engine.workflow.executions import ENTRIES
from engine.workflow.memory import MemoryExecutions

AT = 1_790_000_000_000_000
WAIT = {"id": "pause", "type": "wait_condition", "for": "1 day"}
UNTIL = {"id": "later", "type": "wait_condition", "event": "seen", "timeout": "1 day", "on_timeout": "end"}


def campaign(name: str = "cart", **more: Any) -> Campaign:
    return Campaign.model_validate(
        {
            **{"name": name, "type": "abandoned_cart", "audience": {"source": "store:", "key": "id"}},
            **{"delivery": {"from": {"address": "shop@example.com"}}, "workflow": [WAIT]},
            **{
                "events": {each: {} for each in ("left", "bought", "seen", "gone")},
                "trigger": {"event": "left"},
                **more,
            },
        }
    )


def live(campaign: Campaign) -> LiveWorkflow:
    plan = PlanDefinition(campaign, pa.schema([("id", pa.string())]), (), datetime(2026, 9, 1, tzinfo=UTC))
    return LiveWorkflow(plan, definition_of(campaign))


class Log:
    """The events of a store: (position, user, type, properties)."""

    def __init__(self, *rows: tuple[int, str, str, str | None]) -> None:
        self.rows, self.asked = list(rows), 0

    def events(self, after: int, most: int) -> tuple[pa.RecordBatch, int]:
        self.asked += 1
        found = [row for row in self.rows if row[0] > after][:most]
        columns = [[f"e{row[0]}", row[1], row[2], AT + row[0], None, row[3], row[0]] for row in found]
        arrays = [
            pa.array([row[place] for row in columns], pa.int64() if field.name == "event_time" else field.type)
            for place, field in enumerate(ARRIVED)
        ]
        arrays[3] = arrays[3].view(ARRIVED.field("event_time").type)
        return pa.RecordBatch.from_arrays(arrays, schema=ARRIVED), found[-1][0] if found else after


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue(lambda: 0.0)


@pytest.fixture
def executions() -> Iterator[MemoryExecutions]:
    store = MemoryExecutions()
    yield store
    store.close()


def opened(log: Log, queue: MemoryQueue, executions: MemoryExecutions, *campaigns: Campaign, **more: Any) -> Intake:
    hearing = Hearing.of([live(each) for each in campaigns or (campaign(),)], executions)
    return Intake(log, queue, executions, hearing, **more)  # type: ignore[arg-type]  # all of a store that is needed


def put(queue: MemoryQueue, workflow: str = "cart") -> list[dict[str, Any]]:
    return queue.take(TENANT, workflow, 100, 9.0).to_pylist()  # type: ignore[no-any-return]


def told(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(row["user_id"], json.loads(row["payload"]).get("event")) for row in rows]


def test_a_workflow_looks_at_its_trigger_waits_exits_and_goal() -> None:
    whole = campaign(workflow=[WAIT, UNTIL], exit=[{"event": "bought"}, {"when": "1 = 1"}], goal={"event": "gone"})
    assert events_of(whole) == {"left", "seen", "bought", "gone"}
    assert events_of(campaign(trigger={"cron": "0 9 * * *"})) == set()


def test_an_older_version_is_listened_to_for_as_long_as_somebody_is_on_it(executions: MemoryExecutions) -> None:
    old = definition_of(campaign(exit=[{"event": "gone"}]))
    unused = Definition("unused", definition_of(campaign(exit=[{"event": "seen"}])).text)
    for each in (old, unused):
        executions.define("cart", each.version, each.text)
    entry = ["x", "cart", old.version, "ann", "event:left", "pause", AT, None]
    arrays = [
        pa.array([value], pa.int64() if f.name == "at" else f.type).cast(f.type)
        for value, f in zip(entry, ENTRIES, strict=True)
    ]
    executions.enter(pa.RecordBatch.from_arrays(arrays, schema=ENTRIES), 0)
    hearing = Hearing.of([live(campaign())], executions)
    assert hearing.events == {"left": ["cart"], "gone": ["cart"], "trigger:cart": ["cart"]}
    executions.cancel(["x"], AT)
    assert "gone" not in Hearing.of([live(campaign())], executions).events


def test_an_event_becomes_an_item_of_each_workflow_that_looks_at_it(
    queue: MemoryQueue, executions: MemoryExecutions
) -> None:
    log = Log()
    thanks = campaign("thanks", trigger={"event": "bought"}, goal={"event": "left"}, priority="high")
    intake = opened(log, queue, executions, campaign(), thanks)
    log.rows += [(3, "ann", "left", '{"total": 1.5, "name": "é\\""}'), (5, "bob", "bought", None)]
    log.rows += [(7, "eve", "opened", None), (8, "joe", "trigger:cart", "{}")]
    assert intake.read(AT) == 4
    assert intake.read(AT) == 0
    cart, other = put(queue), put(queue, "thanks")
    assert told(cart) == [("ann", "left"), ("joe", "trigger:cart")]
    assert told(other) == [("ann", "left"), ("bob", "bought")]
    first = cart[0]
    assert json.loads(first["payload"]) == {
        **{"position": 3 << 11, "event_id": "e3", "event": "left", "at": AT + 3},
        "properties": {"total": 1.5, "name": 'é"'},
    }
    assert json.loads(other[1]["payload"])["properties"] is None
    assert (first["item_id"], first["priority"], first["tenant"]) == ("cart event e3", "normal", TENANT)
    assert (other[0]["priority"], first["arrived"].timestamp()) == (Priority.HIGH, AT / 1e6)


def test_what_happened_before_the_first_start_is_told_to_nobody(
    queue: MemoryQueue, executions: MemoryExecutions
) -> None:
    log = Log(*((position, "ann", "left", None) for position in range(1, 400, 3)))
    opened(log, queue, executions)
    log.rows.append((500, "bob", "left", None))
    intake = opened(log, queue, executions, campaign(), campaign("new"))  # a job is begun again, with one more workflow
    log.rows.append((501, "eve", "left", None))
    while intake.read(AT):
        pass
    assert told(put(queue)) == [("bob", "left"), ("eve", "left")]
    assert told(put(queue, "new")) == [("eve", "left")]


def test_the_mark_of_a_workflow_is_where_all_its_items_are_done(
    queue: MemoryQueue, executions: MemoryExecutions
) -> None:
    log = Log()
    intake = opened(log, queue, executions, campaign(), campaign("slow"))
    log.rows += [(2, "ann", "left", None), (4, "bob", "left", None)]
    intake.read(AT)
    intake.done("cart", np.array([4 << 11, 2 << 11, (2 << 11) + 5, 9 << 11]))
    intake.done("gone", np.array([1]))
    intake.save_mark()
    assert json.loads(executions.mark(MARK) or "") == {"cart": 4, "slow": 0}
    assert intake.open == 2
    again = opened(log, MemoryQueue(lambda: 0.0), executions, campaign(), campaign("slow"))
    assert (again.read(AT), again.open) == (2, 2)  # those of the slow one, and no others


def test_changes_come_after_what_has_happened_and_rise_until_there_are_too_many(
    queue: MemoryQueue, executions: MemoryExecutions
) -> None:
    log = Log()
    intake = opened(log, queue, executions)
    log.rows.append((6, "ann", "left", None))
    intake.read(AT)
    for _ in range(3):
        intake.changed({"cart": ["ann"]}, AT)
    opened(log, queue, executions).changed({"cart": ["ann", "bob"]}, AT)
    executions.set_mark("intake changes", f"6 {MOST_CHANGES}")
    positions = [json.loads(row["payload"])["position"] - (6 << 11) for row in put(queue)]
    assert positions == [0, 1, 2, 3]
    again = opened(log, queue, executions)
    again.read(AT)
    again.changed({"cart": ["eve"]}, AT)
    assert [json.loads(row["payload"])["position"] for row in put(queue)][-1] == (6 << 11) + MOST_CHANGES < 7 << 11


def test_events_wait_in_the_store_while_no_more_can_be_kept(queue: MemoryQueue, executions: MemoryExecutions) -> None:
    log = Log()
    intake = opened(log, queue, executions, room=Room(kept=2))
    log.rows += [(2, "ann", "left", None), (4, "bob", "left", None)]
    assert intake.read(AT) == 2
    log.rows.append((6, "eve", "left", None))
    assert intake.read(AT) == 0
    intake.done("cart", np.array([2 << 11]))
    assert intake.read(AT) == 1


@pytest.mark.parametrize("last", [0, 1, 2, 3, 1_000, (1 << 51) + 12_345])
@pytest.mark.parametrize("after", [0, 1, 900])
def test_the_end_of_the_store_is_found_by_few_questions(last: int, after: int) -> None:
    log = Log(*((each, "ann", "left", None) for each in sorted({1, 2, 3, 500, last}) if 0 < each <= last))
    assert last_position(log, after) == max(last, after)  # type: ignore[arg-type]
    assert log.asked <= 2 * max(1, last.bit_length()) + 2
