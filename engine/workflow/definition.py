"""What executions are pinned to: the part of a campaign that decides how they go on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from engine.campaign.durations import microseconds
from engine.campaign.fingerprint import sha256_of
from engine.campaign.schema import Campaign
from engine.workflow.executions import AFTER_EXIT, NEVER

_PINNED = {"name", "timezone", "segments", "events", "trigger", "exit", "goal", "workflow"}
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Definition:
    """``version`` is the fingerprint of ``text`` (JSON): who edits the workflow makes another, and who enters is pinned to it."""

    version: str
    text: str


def definition_of(campaign: Campaign) -> Definition:
    values: dict[str, Any] = campaign.model_dump(mode="json", by_alias=True, include=_PINNED)
    values["audience"] = {"timezone": campaign.audience.timezone}
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Definition(sha256_of(values)[:_DIGITS], text)


def pinned(campaign: Campaign, text: str) -> Campaign:
    """The campaign with the workflow that a definition holds: what is sent, and how, is today's."""
    values = json.loads(text)
    current = campaign.model_dump(mode="json", by_alias=True)
    audience = {**current["audience"], **values.pop("audience")}
    return Campaign.model_validate({**current, **values, "audience": audience}, by_alias=True, by_name=False)


def again_after(campaign: Campaign) -> int | None:
    """The campaign's rule of re-entry, as ``ExecutionStore.enter`` takes it."""
    if campaign.reentry == "never":
        return NEVER
    return AFTER_EXIT if campaign.reentry == "after_exit" else microseconds(campaign.reentry)
