"""A partition with a clock of its own counts from its plan, and every other one from the run's."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from engine.adapters.stores.caps_memory import MemoryCaps
from engine.adapters.stores.suppression_memory import MemorySuppression
from engine.campaign.schema import Campaign
from engine.delivery.gate import Hold
from engine.ledger.states import Reason
from engine.pipeline.definition import clock_of, with_clock
from engine.pipeline.gate import Gates
from engine.pipeline.pace import destinations

RUN, PLAN = datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 7, 10, tzinfo=UTC)
CAMPAIGN = Campaign.model_validate(
    {
        "name": "cart",
        "type": "abandoned_cart",
        "audience": {"source": "store:", "key": "user_id"},
        "workflow": [{"id": "remind", "type": "send_email", "template": "remind"}],
        "delivery": {"from": {"address": "shop@example.com"}, "send_at": "09:00"},
    },
    by_name=False,
)
OUTBOX = pa.record_batch({"address": ["a@example.com"], "key": pa.array([bytes(16)], pa.binary(16))})


def micros(instant: datetime) -> int:
    return round(instant.timestamp() * 1_000_000)


@pytest.mark.parametrize(("clock", "day"), [(None, 1), (PLAN, 8)])
def test_the_time_to_send_at_is_the_next_after_the_plan(clock: datetime | None, day: int) -> None:
    outbox = OUTBOX if clock is None else with_clock(OUTBOX, micros(clock))
    assert clock_of(outbox.schema) == (None if clock is None else micros(clock))
    now = micros(clock or RUN)
    table = destinations(CAMPAIGN, {})
    gates = Gates(CAMPAIGN, "run", micros(RUN), MemorySuppression(), MemoryCaps(), MemoryCaps(), table, lambda: now)
    held = gates.of(0, outbox).look(0, now)
    assert held == Hold(Reason.QUIET_HOURS, micros(datetime(2026, 3, day, 9, tzinfo=UTC)))
