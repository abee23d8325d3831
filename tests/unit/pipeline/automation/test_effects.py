"""Effects as the driver hands them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from engine.campaign.schema import Priority
from engine.errors import TryAgainError
from engine.pipeline.automation.contract import LEASE
from engine.pipeline.automation.effects import LOOK, PAUSE, EffectFeed
from engine.workflow.executions import AFTER_EXIT, EFFECTS, ENTRIES, EXECUTIONS, HISTORY, EffectKind
from engine.workflow.memory import MemoryExecutions

NOW = 1_772_323_200_000_000
PRIORITIES = {"news": Priority.BATCH, "cart": Priority.CRITICAL, "mail": Priority.CRITICAL}
Row = dict[str, Any]


def table(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([row.get(e.name) for row in rows], e.type) for e in schema], schema=schema
    )


class Executions(MemoryExecutions):
    """``away``: the workflows of which nothing can be read."""

    away = frozenset[str]()

    def effects(
        self, kinds: Sequence[str], workflows: Sequence[str], now: int, most: int, lease_until: int
    ) -> pa.RecordBatch:
        if self.away & {*workflows}:
            raise TryAgainError.single("MR671", "the store does not answer")
        return super().effects(kinds, workflows, now, most, lease_until)

    def decide(self, workflow: str, *names: str, kind: EffectKind = EffectKind.UPDATE) -> None:
        at = datetime.fromtimestamp(NOW / 1e6, UTC) + timedelta(seconds=len(self._effects))
        common = {"execution_id": names[0], "workflow": workflow, "user_id": names[0], "step": "first"}
        entry = {**common, "version": "v1", "trigger": "event:left", "at": at}
        begun = self.enter(table([entry], ENTRIES), AFTER_EXIT)
        common |= {"occurrence": "0", "at": at, "payload": "{}", "kind": kind}
        effects = table([{**common, "name": name} for name in names], EFFECTS)
        self.save(
            table([{**row, "state": "done"} for row in begun.to_pylist()], EXECUTIONS), table([], HISTORY), effects
        )


@pytest.fixture
def executions() -> Executions:
    return Executions()


@pytest.fixture
def feed(executions: Executions) -> Callable[..., EffectFeed]:
    return lambda room=100: EffectFeed(executions, PRIORITIES, (EffectKind.UPDATE,), room)


def names(batches: Any) -> list[list[str]]:
    return [each.column("name").to_pylist() for each in batches]


def test_the_higher_priority_first_a_batch_a_workflow_and_only_these_kinds(executions: Executions, feed: Any) -> None:
    executions.decide("news", "n1")
    executions.decide("cart", "c1", "c2")
    executions.decide("mail", "m1")
    executions.decide("cart", "call", kind=EffectKind.CALL)
    assert names(feed().take(NOW)) == [["c1", "c2"], ["m1"], ["n1"]]


def test_no_more_than_there_is_room_for_and_the_rest_when_there_is(executions: Executions, feed: Any) -> None:
    executions.decide("cart", "c1", "c2", "c3")
    executions.decide("news", "n1")
    small = feed(2)
    assert names(small.take(NOW)) == [["c1", "c2"]]
    assert names(small.take(NOW + LOOK)) == []
    small.done(["c1", "c2"])
    executions.settle(["c1", "c2"])
    assert names(small.take(NOW + LOOK)) == [["c3"], ["n1"]]
    assert small.in_hand == 2


def test_what_is_in_hand_is_not_handed_out_again_when_its_lease_ends(executions: Executions, feed: Any) -> None:
    executions.decide("cart", "c1", "c2")
    slow = feed()
    assert names(slow.take(NOW)) == [["c1", "c2"]]
    slow.done(["c1"])  # and not settled: it comes again
    assert names(slow.take(NOW + LEASE)) == [["c1"]]


def test_it_is_looked_now_and_then_and_when_somebody_tells(executions: Executions, feed: Any) -> None:
    waiting = feed()
    assert names(waiting.take(NOW)) == []
    executions.decide("cart", "c1")
    assert names(waiting.take(NOW + LOOK - 1)) == []
    waiting.told()
    assert names(waiting.take(NOW + LOOK - 1)) == [["c1"]]


def test_what_failed_is_handed_out_again_after_a_pause_and_whoever_gave_up_waits_for_the_lease(
    executions: Executions, feed: Any
) -> None:
    executions.decide("cart", "c1", "c2")
    waiting = feed()
    (batch,) = waiting.take(NOW)
    waiting.failed(batch, NOW)
    assert names(waiting.take(NOW + PAUSE - 1)) == []
    assert names(waiting.take(NOW + PAUSE)) == [["c1", "c2"]]
    assert names(waiting.take(NOW + LEASE)) == []
    executions.settle(["c1"])
    waiting.given_up(["c1", "c2"], NOW + LEASE)
    assert waiting.in_hand == 0
    assert waiting.waits(NOW + 2 * LEASE - 1)
    assert not waiting.waits(NOW + 2 * LEASE)
    assert names(waiting.take(NOW + 2 * LEASE)) == [["c2"]]


def test_what_was_leased_before_the_store_went_away_is_given(executions: Executions, feed: Any) -> None:
    executions.decide("cart", "c1")
    executions.decide("news", "n1")
    executions.away = frozenset({"news"})
    waiting, given = feed(), []
    with pytest.raises(TryAgainError):
        for each in waiting.take(NOW):
            given += names([each])
    assert given == [["c1"]]
    executions.away = frozenset()
    waiting.told()
    assert waiting.in_hand == 1
    assert names(waiting.take(NOW)) == [["n1"]]
