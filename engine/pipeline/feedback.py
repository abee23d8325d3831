"""From an event to what follows from it: whose message, withdrawn where, kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.audience.store import Store
from engine.audience.suppression import GLOBAL, Suppression, SuppressionReason, SuppressionStore, normal
from engine.delivery.feedback.consequences import SOFT_WINDOW, Cause, Scope, consequence
from engine.delivery.feedback.contract import Deliveries, Delivery, EventLog
from engine.delivery.feedback.events import FeedbackEvent, Kind
from engine.pipeline.events_feedback import engagement

_REASONS = {
    Cause.UNSUBSCRIBED: SuppressionReason.UNSUBSCRIBED,
    Cause.BOUNCED: SuppressionReason.BOUNCED,
    Cause.COMPLAINED: SuppressionReason.COMPLAINED,
}


class Intake:
    """Acts on feedback.

    Withdrawals are written before the event is kept, so that after a crash whoever tells of it again finds it not kept or done.
    What is kept already is not acted on again: an operator who mails somebody again is not overruled by an old mail. Soft bounces
    are kept first, for they are counted; the next one makes up for one that was cut off between the two. The store hears of an
    event before the log keeps it, and knows one that it hears of again.
    """

    def __init__(self, log: EventLog, deliveries: Deliveries, suppression: SuppressionStore, store: Store) -> None:
        self._log = log
        self._deliveries = deliveries
        self._suppression = suppression
        self._store = store

    def take(self, events: Sequence[FeedbackEvent]) -> int:
        """Act on events and keep them; all is durable when it returns. Gives how many are new."""
        kept = self._log.known([each.id for each in events])
        fresh = [(each, self._delivery(each)) for each in events if each.id not in kept]
        if not fresh:
            return 0
        named = [(_named(event, delivery), delivery) for event, delivery in fresh]
        self._withdraw([pair for pair in named if pair[0].kind is not Kind.SOFT])
        engaged = engagement(named)
        if engaged.num_rows:
            self._store.put_events(engaged)
        new = self._log.append([event for event, _ in named])
        self._withdraw([pair for pair in named if pair[0].kind is Kind.SOFT])
        return new

    def _delivery(self, event: FeedbackEvent) -> Delivery | None:
        return None if event.key is None else self._deliveries.find(event.key)

    def _withdraw(self, events: Sequence[tuple[FeedbackEvent, Delivery | None]]) -> None:
        soft = self._soft_bounces([event for event, _ in events])
        entries = []
        for event, delivery in events:
            if event.address is None:
                continue
            follows = consequence(event.kind, soft.get(event.address, 0))
            if follows is None:
                continue
            where = delivery.list if delivery is not None and follows.scope is Scope.LIST else GLOBAL
            entries.append(Suppression(event.address, where, _REASONS[follows.cause], event.source, event.at))
        if entries:
            self._suppression.add(entries)

    def _soft_bounces(self, events: Sequence[FeedbackEvent]) -> dict[str, int]:
        addresses = {each.address for each in events if each.kind is Kind.SOFT and each.address is not None}
        if not addresses:
            return {}
        return self._log.soft_bounces(addresses, max(each.at for each in events) - SOFT_WINDOW)


def _named(event: FeedbackEvent, delivery: Delivery | None) -> FeedbackEvent:
    """The event with what is known of its message. The address that was mailed goes before one that a stranger names."""
    address = event.address if delivery is None else delivery.address
    return replace(
        event,
        address=normal([address])[0] if address else None,
        campaign=event.campaign if delivery is None else delivery.campaign,
    )
