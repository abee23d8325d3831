"""The pace that a campaign asks for: of the run, of its sender, of each destination."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from engine.campaign.schema import Campaign
from engine.delivery.pacing import (
    Buckets,
    Destinations,
    Limit,
    PartitionPacing,
    Throttles,
    TokenBucket,
    with_domains,
)
from engine.errors import CampaignError, did_you_mean

LOOKAHEAD = 2  # messages that a connection may hold


def destinations(campaign: Campaign, table: Mapping[str, str]) -> Destinations:
    """The groups of ``table`` and of the campaign. Raises CampaignError for a limit on a group without any domain."""
    limits = campaign.limits.destinations
    found = Destinations(with_domains(table, ((name, each.domains) for name, each in limits.items())))
    for name in limits:
        if name not in found.names:
            raise CampaignError.single(
                "MR134", f"`limits.destinations.{name}` is no known destination", help=did_you_mean(name, found.names)
            )
    return found


class RunPace:
    """The pace of a run in one worker. ``clock`` gives seconds of a monotonic clock, the one of the event loops."""

    def __init__(self, campaign: Campaign, table: Mapping[str, str], clock: Callable[[], float]) -> None:
        limits = campaign.limits
        rates = [rate for rate in (limits.messages_per_second, limits.sender_per_second) if rate is not None]
        self._destinations = destinations(campaign, table)
        self._throttles = Throttles(
            {name: Limit(each.messages_per_second, each.connections) for name, each in limits.destinations.items()},
            campaign.delivery.connections * LOOKAHEAD,
            clock(),
        )
        self.together = Buckets([TokenBucket(rate, rate, clock()) for rate in rates]) if rates else None

    def of(self, outbox: pa.RecordBatch) -> PartitionPacing:
        """The pace of the messages of an outbox partition, destination by destination."""
        groups = self._destinations.numbers(outbox.column("address")).tolist()
        return PartitionPacing(self._throttles, self._destinations.names, groups)
