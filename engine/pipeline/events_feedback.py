"""What came back of a known message, as an engagement event of its recipient."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from engine.audience.incoming import EVENT, Reading
from engine.audience.store import EVENTS
from engine.delivery.feedback.contract import Delivery
from engine.delivery.feedback.events import FeedbackEvent, Kind

TYPES = {
    Kind.UNSUBSCRIBE: "unsubscribed",
    Kind.COMPLAINT: "complained",
    Kind.HARD: "bounced",
    Kind.SOFT: "soft_bounced",
    Kind.POLICY: "refused",
    Kind.DELAYED: "delayed",
    Kind.DELIVERED: "delivered",
    Kind.AUTO_REPLY: "auto_replied",
    Kind.OPEN: "opened",
    Kind.CLICK: "clicked",
}
"""The ``event_type`` of each kind of feedback that says something of somebody."""


def engagement(told: Sequence[tuple[FeedbackEvent, Delivery | None]]) -> pa.RecordBatch:
    """The events whose message is known, as EVENTS. Of somebody who is nobody's recipient the store knows nothing, and neither of
    a recipient with a key that it does not keep: no event may keep others from being kept."""
    rows = [_row(event, delivery) for event, delivery in told if delivery is not None and event.kind in TYPES]
    return Reading(EVENT).columns(pa.RecordBatch.from_pylist(rows, EVENTS)).rows


def _row(event: FeedbackEvent, delivery: Delivery) -> dict[str, object]:
    properties = {
        "source": event.source,
        "key": delivery.key.hex(),
        "run": delivery.run,
        "status": event.status,
        "url" if event.kind is Kind.CLICK else "reason": event.detail,
    }
    told = {name: value for name, value in sorted(properties.items()) if value}
    return {
        "event_id": f"feedback:{event.id}",
        "user_id": delivery.recipient,
        "event_type": TYPES[event.kind],
        "event_time": event.at,
        "campaign_id": delivery.campaign,
        "properties": json.dumps(told, ensure_ascii=False, separators=(",", ":")),
    }
