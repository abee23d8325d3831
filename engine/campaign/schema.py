"""The campaign file as a model: every key that a user may write, its type, its default and its bounds.

The keys' descriptions are what editors show (``mailray schema`` exports the JSON Schema).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

END = "end"
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
ColumnName = Annotated[str, Field(min_length=1, max_length=128)]
Condition = Annotated[str, Field(min_length=1, max_length=10_000, description="A SQL boolean expression.")]


class CampaignType(StrEnum):
    WELCOME_SERIES = "welcome_series"
    NURTURE_SEQUENCE = "nurture_sequence"
    ABANDONED_CART = "abandoned_cart"
    BEHAVIORAL_TRIGGER = "behavioral_trigger"
    RE_ENGAGEMENT = "re_engagement"
    LIFECYCLE_CAMPAIGN = "lifecycle_campaign"


class Priority(StrEnum):
    """How long an execution may wait before it is worked on."""

    CRITICAL = "critical"  # at once
    HIGH = "high"  # one minute
    NORMAL = "normal"  # five minutes
    LOW = "low"  # fifteen minutes
    BATCH = "batch"  # the next cycle


class MailClass(StrEnum):
    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


class Duplicates(StrEnum):
    KEEP_FIRST = "keep_first"
    ERROR = "error"


class UnknownPolicy(StrEnum):
    """What to do with a message whose fate was lost between the final dot and the reply."""

    SKIP = "skip"
    RESEND = "resend"


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Holdout(Model):
    percent: float = Field(
        ge=0, le=100, allow_inf_nan=False, description="Share of eligible recipients that get nothing."
    )
    salt: str = Field(default="", description="Another salt draws another holdout.")


class Audience(Model):
    source: str | list[str] = Field(description="Files, globs or URLs of Parquet, CSV or Arrow IPC.")
    format: Literal["parquet", "csv", "arrow"] | None = Field(
        default=None, description="By the file's suffix if absent."
    )
    key: ColumnName = Field(description="The column that names a recipient for ever.")
    email: ColumnName = "email"
    subscribed: ColumnName | None = Field(default=None, description="A boolean column; false or null is not mailed.")
    timezone: ColumnName | None = Field(default=None, description="A column of IANA time zone names.")
    where: Condition | None = None
    suppression: str | list[str] | None = Field(
        default=None, description="Files with a column of addresses that must never be mailed."
    )
    duplicates: Duplicates = Duplicates.KEEP_FIRST
    holdout: Holdout | None = None


class Step(Model):
    id: Identifier
    critical: bool = Field(default=False, description="A failure here ends the recipient's execution.")


class SendEmail(Step):
    type: Literal["send_email"]
    template: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}$")]
    next: Identifier | None = Field(default=None, description="The step that follows; the next in the list if absent.")


class Branch(Model):
    when: Condition
    next: Identifier


class ConditionalBranch(Step):
    type: Literal["conditional_branch"]
    branches: list[Branch] = Field(min_length=1)
    else_: Identifier = Field(alias="else", description="Where everybody else goes.")


class Choice(Model):
    when: Condition
    value: str


class SegmentUser(Step):
    type: Literal["segment_user"]
    into: Identifier = Field(description="The column that takes the value; templates and later conditions read it.")
    choices: list[Choice] = Field(min_length=1)
    else_: str | None = Field(default=None, alias="else")
    next: Identifier | None = None


class WaitCondition(Step):
    model_config = ConfigDict(extra="allow", frozen=True)
    type: Literal["wait_condition"]


class UpdateUserData(Step):
    model_config = ConfigDict(extra="allow", frozen=True)
    type: Literal["update_user_data"]


class TriggerWebhook(Step):
    model_config = ConfigDict(extra="allow", frozen=True)
    type: Literal["trigger_webhook"]


AnyStep = Annotated[
    SendEmail | ConditionalBranch | SegmentUser | WaitCondition | UpdateUserData | TriggerWebhook,
    Field(discriminator="type"),
]


class Sender(Model):
    address: Annotated[str, Field(min_length=3, max_length=254)]
    name: str | None = None


class Unsubscribe(Model):
    url: str = Field(pattern=r"^https://", description="One-click address; the recipient's token is appended to it.")
    mailto: str | None = None


class Delivery(Model):
    transport: str = Field(default="rehearsal:", description="smtp://host:port, file:///folder or rehearsal:")
    from_: Sender = Field(alias="from")
    reply_to: str | None = None
    return_path: str | None = Field(default=None, description="Envelope sender; the From address if absent.")
    unsubscribe: Unsubscribe | None = None
    postal_address: str | None = None
    on_unknown: UnknownPolicy | None = Field(
        default=None, description="skip for marketing and resend for transactional mail if absent."
    )
    connections: int = Field(default=8, ge=1, le=256, description="Open connections of one delivery worker.")
    reply_timeout: float = Field(
        default=600, gt=0, le=3600, description="Seconds to wait for the reply to the final dot."
    )
    secret: str | None = Field(
        default=None, description="env:NAME or file:PATH of the key that signs tokens and Message-IDs."
    )


class Limits(Model):
    messages_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    recipients: int | None = Field(default=None, gt=0, description="No more than so many messages in a run.")


class Capacity(Model):
    partition_rows: int = Field(default=16_384, ge=1, le=10_000_000, description="Rounded up to whole blocks of 8,192.")
    delivery_workers: int = Field(default=2, ge=1, le=1_000, description="The most delivery workers of a run.")


class Campaign(Model):
    """campaign.yaml."""

    name: Identifier
    description: str = ""
    type: CampaignType
    priority: Priority = Priority.NORMAL
    mail_class: MailClass = Field(default=MailClass.MARKETING, alias="class")
    timezone: str = Field(default="UTC", description="IANA zone of dates and of `now()` where a recipient has none.")
    audience: Audience
    segments: dict[Identifier, Condition] = Field(default_factory=dict)
    variables: dict[str, Any] = Field(default_factory=dict, description="Constants that templates may read.")
    workflow: list[AnyStep] = Field(min_length=1)
    delivery: Delivery
    limits: Limits = Limits()
    capacity: Capacity = Capacity()
