"""What begins, ends and measures executions, as a campaign file writes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.campaign.durations import TIME_OF_DAY
from engine.campaign.model import ColumnName, Condition, Identifier, Model, Named
from engine.campaign.steps import PropertyType

REENTRY = r"^(never|after_exit|[1-9][0-9]{0,5} (second|minute|hour|day|week)s?)$"

Properties = dict[Identifier, Named[PropertyType]]


class Trigger(Model):
    """One of `event`, `segment_entry`, `segment_exit`, `cron`, `anniversary` and `api`."""

    event: Identifier | None = Field(default=None, description="An event of a person, such as `cart_abandoned`.")
    segment_entry: Identifier | None = Field(default=None, description="A person comes to be in this segment.")
    segment_exit: Identifier | None = Field(default=None, description="A person is in this segment no longer.")
    cron: str | None = Field(default=None, max_length=200, description="Five fields: everybody who `when` chooses.")
    anniversary: ColumnName | None = Field(default=None, description="Each year on the day of this column's date.")
    api: Literal[True] | None = Field(default=None, description="Only who is named to the API.")
    properties: Properties = Field(
        default_factory=dict, description="What calls of the API tell, by name with its type; read as `event.NAME`."
    )
    when: Condition | None = Field(default=None, description="Who of them enters; `event.NAME` is a property.")
    at: Annotated[str, Field(pattern=TIME_OF_DAY)] = Field(
        default="09:00", description="HH:MM of an anniversary, on the recipient's clock."
    )
    timezone: str | None = Field(default=None, description="The zone of `cron`; the campaign's if absent.")


class Happening(Model):
    """An event, a condition, or an event of those for which the condition holds."""

    event: Identifier | None = Field(default=None, description="After the execution began.")
    when: Condition | None = None
