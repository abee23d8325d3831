"""The steps of a workflow, as a campaign file writes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.campaign.durations import DURATION, INSTANT_OR_TIME
from engine.campaign.model import TEMPLATE_ID, Condition, Identifier, Model, Named

END = "end"
WEB_ADDRESS = r"^https?://[^\s\"'<>\\{}#]+$"
JSON_PATH = r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,9}$"
REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:\S.*)$"
HEADER_NAME = r"^[A-Za-z][A-Za-z0-9-]{0,63}$"
Duration = Annotated[str, Field(pattern=DURATION)]
Expression = Annotated[str, Field(min_length=1, max_length=10_000, description="A SQL expression.")]


class PropertyType(StrEnum):
    """What an event's property or a response's value is; what is something else is taken for null."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    INSTANT = "instant"


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Retry(Model):
    attempts: int = Field(default=1, ge=1, le=20, description="Tries in all, the first among them.")
    backoff: Duration = Field(
        default="1 minute", description="Before the second try; doubled before each further one..."
    )
    longest: Duration = Field(default="1 hour", description="...but never longer than this.")


class Step(Model):
    id: Identifier = Field(description="The step's name; `next` and `else` refer to it.")
    critical: bool = Field(default=False, description="A failure here ends the recipient's execution.")
    retry: Retry = Field(default=Retry(), description="How often the step is tried before it has failed.")


class LinearStep(Step):
    next: Identifier | None = Field(default=None, description="The step that follows; the next in the list if absent.")


class SendEmail(LinearStep):
    type: Literal["send_email"]
    template: Annotated[str, Field(pattern=TEMPLATE_ID)] = Field(
        description="`offer` names templates/offer.html.j2, offer.txt.j2 and offer.subject.j2."
    )


class Branch(Model):
    when: Condition
    next: Identifier = Field(description="A step's id, or `end`.")


class Share(Model):
    weight: float = Field(gt=0, le=1_000_000, allow_inf_nan=False, description="How many of all the weights.")
    next: Identifier = Field(description="A step's id, or `end`.")


class ConditionalBranch(Step):
    """By conditions, with an `else`, or by weights."""

    type: Literal["conditional_branch"]
    branches: list[Branch] = Field(
        default=[], max_length=100, description="The first whose condition is true is taken."
    )
    else_: Identifier | None = Field(alias="else", default=None, description="Where everybody else goes.")
    split: list[Share] = Field(
        default=[], max_length=100, description="By weight instead; the same person always goes the same way."
    )
    salt: str = Field(default="", description="Another salt splits otherwise.")


class Choice(Model):
    when: Condition
    value: str


class SegmentUser(LinearStep):
    type: Literal["segment_user"]
    into: Identifier = Field(description="The column that takes the value; templates and later conditions read it.")
    choices: list[Choice] = Field(min_length=1, description="The first whose condition is true gives the value.")
    else_: str | None = Field(default=None, alias="else", description="The value for everybody else; null if absent.")


class WaitCondition(LinearStep):
    """One of `for`, `until`, `event` and `condition`."""

    type: Literal["wait_condition"]
    for_: Duration | None = Field(alias="for", default=None, description="So long.")
    until: Annotated[str, Field(pattern=INSTANT_OR_TIME)] | None = Field(
        default=None, description="An instant, or the next HH:MM on the recipient's clock."
    )
    weekdays: list[Named[Weekday]] = Field(
        default=[], max_length=7, description="The days on which that HH:MM counts; every day if absent."
    )
    timezone: str | None = Field(default=None, description="The zone of HH:MM, if not the recipient's.")
    event: Identifier | None = Field(default=None, description="Until it happens, after the wait began.")
    when: Condition | None = Field(default=None, description="Which of these events; `event.NAME` is a property.")
    condition: Condition | None = Field(default=None, description="Until it holds.")
    every: Duration = Field(default="1 hour", description="How often `condition` is looked at when nothing happens.")
    timeout: Duration | None = Field(default=None, description="The longest wait for `event` or `condition`.")
    on_timeout: Identifier | None = Field(default=None, description="Where that leads: a step's id, or `end`.")


class UpdateUserData(LinearStep):
    type: Literal["update_user_data"]
    set: dict[Identifier, Expression] = Field(min_length=1, description="Attributes by name, each a SQL expression.")


class ResponseValue(Model):
    path: Annotated[str, Field(pattern=JSON_PATH)] = Field(description="Keys and positions, such as `data.items.0.id`.")
    type: Named[PropertyType] = Field(default=PropertyType.TEXT)


class Method(StrEnum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class TriggerWebhook(LinearStep):
    type: Literal["trigger_webhook"]
    url: Annotated[str, Field(pattern=WEB_ADDRESS, max_length=2_000)] = Field(description="Whom to call.")
    method: Named[Method] = Field(default=Method.POST, description="GET and DELETE carry the payload in the query.")
    headers: dict[Annotated[str, Field(pattern=HEADER_NAME)], str] = Field(
        default_factory=dict, description="Constant headers; secrets belong into `credentials`."
    )
    credentials: Annotated[str, Field(pattern=REFERENCE)] | None = Field(
        default=None, description="env:NAME or file:PATH of the header `Authorization`."
    )
    payload: dict[Identifier, Expression] = Field(
        default_factory=dict, description="What is told, by name: SQL expressions; sent as a JSON object."
    )
    response: dict[Identifier, ResponseValue] = Field(
        default_factory=dict, description="Columns that take values of the JSON that is answered."
    )
    per_second: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="The most calls a second; no limit if absent."
    )
    retry: Retry = Field(default=Retry(attempts=5, backoff="30 seconds"))


class GenericStep(LinearStep):
    type: Literal["generic"]
    uses: Identifier = Field(description="The name of an installed step (entry points `mailray.steps`).")
    with_: dict[str, Any] = Field(alias="with", default_factory=dict, description="What that step is given.")
    into: dict[Identifier, Named[PropertyType]] = Field(
        default_factory=dict, description="The columns that it writes, with their types."
    )


AnyStep = Annotated[
    SendEmail | ConditionalBranch | SegmentUser | WaitCondition | UpdateUserData | TriggerWebhook | GenericStep,
    Field(discriminator="type"),
]
