"""How fast: rates, destinations, congestion, warm-up. Pure: clocks are passed in."""

from engine.delivery.pacing.bucket import Buckets, TokenBucket
from engine.delivery.pacing.destinations import OTHER, Destinations, domain_of, parse_table, with_domains
from engine.delivery.pacing.pacing import PartitionPacing, Throttles
from engine.delivery.pacing.throttle import Limit, Sign, Throttle, sign_of
from engine.delivery.pacing.warm_up import AllowanceStore, PartitionWarmUp, WarmUpPlan

__all__ = [
    "OTHER",
    "AllowanceStore",
    "Buckets",
    "Destinations",
    "Limit",
    "PartitionPacing",
    "PartitionWarmUp",
    "Sign",
    "Throttle",
    "Throttles",
    "TokenBucket",
    "WarmUpPlan",
    "domain_of",
    "parse_table",
    "sign_of",
    "with_domains",
]
