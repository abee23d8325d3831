"""What a campaign's model cannot say: one small function for each rule, over the document as it is written.

A check reads only values of the right type, so that it runs beside the model's own validation and one look finds all.
"""

from collections.abc import Callable, Iterator

from engine.campaign.checks.audience import wrong_database
from engine.campaign.checks.delivery import (
    idle_reconcile,
    inline_secrets,
    misaligned_signature,
    missing_opt_out,
    unknown_transport,
    unsafe_header_values,
    wrong_addresses,
)
from engine.campaign.checks.templates import unsafe_templates
from engine.campaign.checks.values import empty_quiet_hours, non_finite_numbers, unknown_days, unknown_timezone
from engine.campaign.checks.workflow import (
    cycles,
    dangling_targets,
    repeated_ids,
    unreachable_steps,
)
from engine.campaign.checks.workflow_rules import (
    bad_cron,
    contradictory_rules,
    endless_limits,
    idle_entry_rules,
    unclear_triggers,
    unknown_events,
    unknown_segments,
)
from engine.campaign.checks.workflow_steps import (
    idle_choices,
    unclear_branches,
    unclear_waits,
    unknown_instants,
    unknown_zones,
    unsafe_headers,
    unwelcome_headers,
)
from engine.campaign.document import Document
from engine.errors import Diagnostic

CHECKS: tuple[Callable[[Document], Iterator[Diagnostic]], ...] = (
    unknown_timezone,
    non_finite_numbers,
    empty_quiet_hours,
    unknown_days,
    repeated_ids,
    dangling_targets,
    cycles,
    unreachable_steps,
    unclear_waits,
    unclear_branches,
    idle_choices,
    unknown_zones,
    unknown_instants,
    unwelcome_headers,
    unsafe_headers,
    unclear_triggers,
    unknown_segments,
    unknown_events,
    bad_cron,
    contradictory_rules,
    endless_limits,
    idle_entry_rules,
    unsafe_templates,
    wrong_database,
    wrong_addresses,
    unsafe_header_values,
    missing_opt_out,
    unknown_transport,
    idle_reconcile,
    misaligned_signature,
    inline_secrets,
)

__all__ = ["CHECKS"]
