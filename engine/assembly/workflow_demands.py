"""What a workflow asks of the place where it runs: steps that are installed, attributes to write, addresses to call."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from engine.adapters.webhooks import why_refused
from engine.assembly.steps import installed_steps
from engine.audience.store import USERS
from engine.campaign.checks.audience import STORE
from engine.campaign.load import LoadedCampaign
from engine.campaign.steps import GenericStep, TriggerWebhook, UpdateUserData
from engine.errors import CampaignError, Diagnostic, did_you_mean
from engine.workflow.people import own_columns


def check_demands(loaded: LoadedCampaign, webhooks_allowed: Collection[str] | None) -> None:
    """Raises CampaignError with a step that is not installed (MR138), a column of the store that is set as an attribute (MR393) and,
    where it is known what an operator allows, an address that no webhook may call (MR144)."""
    faults = [*_not_installed(loaded), *_no_attributes(loaded)]
    if webhooks_allowed is not None:
        faults += _not_public(loaded, {each.lower() for each in webhooks_allowed})
    if faults:
        raise CampaignError(*faults)


def _not_installed(loaded: LoadedCampaign) -> Iterator[Diagnostic]:
    steps = [each for each in enumerate(loaded.campaign.workflow) if isinstance(each[1], GenericStep)]
    known = installed_steps() if steps else {}
    for index, step in steps:
        if isinstance(step, GenericStep) and step.uses not in known:
            help = did_you_mean(step.uses, list(known)) if known else "none is; install its package"
            message = f"the step `{step.uses}` is not installed"
            yield loaded.document.fault("MR138", message, ("workflow", index, "uses"), help)


def _no_attributes(loaded: LoadedCampaign) -> Iterator[Diagnostic]:
    """An attribute beside the column of its name would be written, and never read."""
    if loaded.campaign.audience.source != STORE:
        return
    for index, step in enumerate(loaded.campaign.workflow):
        for name in step.set if isinstance(step, UpdateUserData) else ():
            if name in own_columns(USERS.names):
                place = loaded.document.place_of_key(("workflow", index, "set", name))
                help = "set an attribute of another name; columns change by `mailray ingest customers`"
                yield loaded.document.fault(
                    "MR393", f"`{name}` is a column of the store, and no attribute", place, help
                )


def _not_public(loaded: LoadedCampaign, allowed: Collection[str]) -> Iterator[Diagnostic]:
    for index, step in enumerate(loaded.campaign.workflow):
        refused = why_refused(step.url, allowed) if isinstance(step, TriggerWebhook) else None
        if refused is not None:
            help = "name a public address; an operator may allow `host:port` in `webhooks_allowed` of mailray.toml"
            yield loaded.document.fault("MR144", refused, ("workflow", index, "url"), help)
