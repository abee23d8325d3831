from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from engine.audience.eligibility import Marks
from engine.campaign.schema import Campaign
from engine.pipeline.counts import PlanCounts
from engine.pipeline.definition import PlanDefinition
from engine.pipeline.plan import PlannedBlock, PlanProgram

SCHEMA = pa.schema(
    [("id", pa.int64()), ("email", pa.string()), ("ok", pa.bool_()), ("n", pa.int64()), ("name", pa.string())]
)


def campaign(**audience: object) -> Campaign:
    return Campaign.model_validate(
        {
            "name": "spring",
            "type": "nurture_sequence",
            "audience": {"source": "a.parquet", "key": "id", "subscribed": "ok", **audience},
            "segments": {"many": "n >= 5"},
            "workflow": [
                {
                    "id": "fork",
                    "type": "conditional_branch",
                    "branches": [{"when": "many", "next": "first"}],
                    "else": "end",
                },
                {"id": "first", "type": "send_email", "template": "a"},
                {"id": "second", "type": "send_email", "template": "b"},
            ],
            "delivery": {"from": {"address": "news@example.com"}},
        },
        by_name=False,
    )


def block(rows: int = 12) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "id": pa.array(range(rows)),
            "email": pa.array([f" u{n}@example.com" if n % 6 else None for n in range(rows)]),
            "ok": pa.array([n != 7 for n in range(rows)]),
            "n": pa.array(range(rows)),
            "name": pa.array([f"n{n}" for n in range(rows)]),
        },
        schema=SCHEMA,
    )


def plan(
    first_row: int = 0, *, rows: int = 12, now: datetime = datetime(2026, 3, 1, 8, tzinfo=UTC), **audience: object
) -> PlannedBlock:
    suppressed = np.zeros(rows, dtype=np.bool_)
    suppressed[8:9] = True
    definition = PlanDefinition(campaign(**audience), SCHEMA, ("name", "many"), now)
    return PlanProgram(definition).plan(first_row, block(rows), Marks(np.zeros(rows, dtype=np.bool_), suppressed))


def test_every_recipient_has_a_verdict_and_the_counts_say_the_same() -> None:
    planned = plan()
    verdicts = planned.verdicts.column("verdict").to_pylist()
    assert verdicts == [
        "missing_address",
        *["eligible"] * 5,
        "missing_address",
        "not_subscribed",
        "suppressed",
        *["eligible"] * 3,
    ]
    assert {name: verdicts.count(name) for name in planned.counts.verdicts} == planned.counts.verdicts
    assert planned.counts.verdicts.total() == planned.counts.recipients == 12


def test_only_the_eligible_get_messages_in_the_order_of_recipients_and_steps() -> None:
    outbox = plan(first_row=8_192).outbox
    assert outbox.column("recipient").to_pylist() == ["5", "5", "9", "9", "10", "10", "11", "11"]
    assert outbox.column("step").to_pylist() == ["first", "second"] * 4
    assert outbox.column("row").to_pylist()[:2] == [8_197, 8_197]
    assert outbox.column("address").to_pylist()[0] == "u5@example.com"
    assert outbox.select(["field:name", "field:many"]).to_pylist()[0] == {"field:name": "n5", "field:many": True}


def test_delivery_keys_name_recipient_step_and_day() -> None:
    keys = plan().outbox.column("key").to_pylist()
    assert len(set(keys)) == len(keys)
    assert plan(now=datetime(2026, 3, 1, 23, tzinfo=UTC)).outbox.column("key").to_pylist() == keys
    assert not set(plan(now=datetime(2026, 3, 2, tzinfo=UTC)).outbox.column("key").to_pylist()) & set(keys)


def test_the_holdout_takes_from_the_eligible_alone() -> None:
    everybody = plan(holdout={"percent": 100.0})
    assert everybody.outbox.num_rows == 0
    assert everybody.counts.verdicts["held_out"] == 8
    assert everybody.counts.verdicts["suppressed"] == 1


def test_branches_and_segments_are_counted() -> None:
    counts = plan().counts
    assert counts.branches == {"fork": {"first": 4, "end": 4}, "first": {"second": 4}, "second": {"end": 4}}
    assert (counts.segments["many"], counts.segments_eligible["many"]) == (7, 4)
    assert (counts.templates, counts.messages) == ({"a": 4, "b": 4}, 8)


def test_counts_add_up_and_survive_their_plain_form() -> None:
    total = PlanCounts()
    for each in (plan(), plan(first_row=8_192)):
        total.add(PlanCounts.from_dict(each.counts.as_dict()))
    assert total.recipients == 24
    assert total.branches["fork"] == {"first": 8, "end": 8}
    assert total.as_dict()["segments"] == {"many": {"audience": 14, "eligible": 8}}


@pytest.mark.parametrize("cut", [1, 5, 11])
def test_a_block_cut_in_two_is_planned_the_same(cut: int) -> None:
    whole = plan(holdout={"percent": 30.0, "salt": "x"})
    definition = PlanDefinition(
        campaign(holdout={"percent": 30.0, "salt": "x"}), SCHEMA, ("name", "many"), datetime(2026, 3, 1, 8, tzinfo=UTC)
    )
    suppressed = np.zeros(12, dtype=np.bool_)
    suppressed[8] = True
    parts = [
        PlanProgram(definition).plan(
            start,
            block().slice(start, stop - start),
            Marks(np.zeros(stop - start, dtype=np.bool_), suppressed[start:stop]),
        )
        for start, stop in ((0, cut), (cut, 12))
    ]
    assert pa.Table.from_batches([each.outbox for each in parts]).to_pylist() == whole.outbox.to_pylist()
    assert pa.Table.from_batches([each.verdicts for each in parts]).to_pylist() == whole.verdicts.to_pylist()
