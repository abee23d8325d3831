"""When effects are planned, and whose message to a person goes first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from engine.campaign.schema import Priority
from engine.pipeline.automation.arbitration import Arbitration
from engine.pipeline.automation.contract import LEASE
from engine.pipeline.automation.gathering import AHEAD, LAST_MOMENT, MANY, WAITS, Gathering
from engine.queueing.levels import LEVELS
from engine.workflow.executions import EFFECTS

SECOND = 1_000_000
RUN = Path("/run")


def effects(workflow: str, names: Sequence[str], user: str | None = None) -> pa.RecordBatch:
    rows = [
        {
            **dict.fromkeys(EFFECTS.names, ""),
            "name": name,
            "workflow": workflow,
            "user_id": user or name,
            "at": datetime(2026, 3, 2, tzinfo=UTC),
        }
        for name in names
    ]
    return pa.RecordBatch.from_pylist(rows, schema=EFFECTS)


def gathered(gathering: Gathering, now: int) -> list[tuple[str, list[str]]]:
    return [(name, batch.column("name").to_pylist()) for name, batch in gathering.ready(now)]


def test_the_oldest_waits_a_part_of_its_level_and_much_less_than_a_lease() -> None:
    assert set(WAITS) == set(Priority)
    for priority, wait in WAITS.items():
        assert wait <= LEVELS[priority].wait // 10
        assert wait + LAST_MOMENT < LEASE


@pytest.mark.parametrize(("priority", "wait"), WAITS.items())
def test_effects_wait_for_each_other_and_then_go_together(priority: Priority, wait: int) -> None:
    gathering = Gathering({"w": priority}, [])
    gathering.add(effects("w", ["a"]), 0, LEASE)
    assert gathering.next_due() == wait
    assert gathered(gathering, wait - 1) == []
    gathering.add(effects("w", ["b"]), wait // 2, LEASE)
    assert gathered(gathering, wait) == [("w", ["a", "b"])]
    assert (len(gathering), gathering.next_due()) == (0, None)


def test_many_do_not_wait_and_are_more_than_one_partition() -> None:
    gathering = Gathering({"w": Priority.BATCH}, [])
    gathering.add(effects("w", [f"e{n}" for n in range(MANY + 1)]), 0, LEASE)
    assert [len(names) for _, names in gathered(gathering, 0)] == [MANY, 1]


def test_workflows_wait_by_themselves_and_the_higher_priority_is_planned_first() -> None:
    gathering = Gathering({"low": Priority.LOW, "high": Priority.HIGH}, [])
    both = pa.Table.from_batches([effects("low", ["a"]), effects("high", ["b"])]).combine_chunks().to_batches()[0]
    gathering.add(both, 0, LEASE)
    assert gathered(gathering, WAITS[Priority.HIGH]) == [("high", ["b"])]
    gathering.add(effects("high", ["c"]), 0, LEASE)
    assert gathered(gathering, WAITS[Priority.LOW]) == [("high", ["c"]), ("low", ["a"])]


def test_while_mail_goes_out_slowly_partitions_grow_and_do_not_become_more() -> None:
    gathering = Gathering({"w": Priority.CRITICAL}, [])
    for number in range(AHEAD):
        gathering.add(effects("w", [f"e{number}"]), 0, LEASE)
        assert gathered(gathering, 0) == [("w", [f"e{number}"])]
        gathering.planned("w", [f"e{number}"], (RUN, number))
    for name in ("x", "y"):
        gathering.add(effects("w", [name]), 0, LEASE)
        assert gathered(gathering, SECOND) == []
    gathering.delivered(RUN, 0)
    assert gathered(gathering, SECOND) == [("w", ["x", "y"])]
    gathering.failed("w", ["x", "y"])
    gathering.add(effects("w", ["z"]), 0, LEASE)
    assert gathered(gathering, SECOND) == [("w", ["z"])]


def test_nothing_waits_beyond_its_lease() -> None:
    gathering = Gathering({"w": Priority.CRITICAL}, [])
    for number in range(AHEAD):
        gathering.add(effects("w", [f"e{number}"]), 0, LEASE)
        gathered(gathering, 0)
    gathering.add(effects("w", ["last"]), 0, LEASE)
    assert gathered(gathering, LEASE - LAST_MOMENT - 1) == []
    assert gathered(gathering, LEASE - LAST_MOMENT) == [("w", ["last"])]


def test_where_caps_bind_the_lower_priority_waits_until_the_higher_one_is_through() -> None:
    gathering = Gathering({"low": Priority.LOW, "high": Priority.HIGH, "free": Priority.LOW}, ["low", "high"])
    wait = WAITS[Priority.LOW]
    for workflow in ("low", "free"):
        gathering.add(effects(workflow, [f"{workflow}-to-ann"], "ann"), 0, LEASE)
    gathering.add(effects("low", ["low-to-bob"], "bob"), 0, LEASE)
    gathering.add(effects("high", ["high-to-ann"], "ann"), wait - WAITS[Priority.HIGH], LEASE)
    assert gathered(gathering, wait) == [
        ("high", ["high-to-ann"]),
        ("low", ["low-to-bob"]),
        ("free", ["free-to-ann"]),
    ]
    gathering.planned("high", ["high-to-ann"], (RUN, 0))
    assert gathered(gathering, wait + SECOND) == []
    gathering.delivered(RUN, 0)  # accepted, deferred, or held by the gate
    assert gathered(gathering, wait + SECOND) == [("low", ["low-to-ann"])]


def test_what_waits_for_a_higher_one_goes_before_its_lease_ends() -> None:
    gathering = Gathering({"low": Priority.BATCH, "high": Priority.LOW}, ["low", "high"])
    gathering.add(effects("low", ["low"], "ann"), 0, LEASE)
    gathering.add(effects("high", ["high"], "ann"), 0, 2 * LEASE)
    assert gathered(gathering, WAITS[Priority.BATCH]) == [("high", ["high"])]
    assert gathered(gathering, LEASE - LAST_MOMENT) == [("low", ["low"])]


def test_who_is_equal_waits_for_nobody_and_what_was_lost_holds_nobody() -> None:
    arbitration = Arbitration({"a": Priority.HIGH, "b": Priority.HIGH, "c": Priority.LOW})
    arbitration.begin("a", ["one", "two"], ["ann", "ann"], LEASE)
    assert arbitration.free("b", ["ann", "bob"], 0).tolist() == [True, True]
    assert arbitration.free("c", ["ann", "bob"], 0).tolist() == [False, True]
    arbitration.end(["one", "one", "never heard of"])
    assert arbitration.free("c", ["ann"], 0).tolist() == [False]
    assert arbitration.free("c", ["ann"], LEASE).tolist() == [True]
    arbitration.forget(LEASE)
    assert arbitration.free("c", ["ann"], 0).tolist() == [True]
