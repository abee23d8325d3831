"""The campaign file as a model: every key that a user may write, its type, its default and its bounds.

The keys' descriptions are what editors show (``mailray schema`` exports the JSON Schema).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.campaign.automation import REENTRY, Happening, Properties, Trigger
from engine.campaign.durations import DAY, DURATION, EXPIRY, TIME_OF_DAY
from engine.campaign.model import ColumnName, Condition, Identifier, Model, Named
from engine.campaign.steps import AnyStep

FOLDER = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)*$"
HOST = r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$"
SELECTOR = r"^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$"
WEB_FOLDER = r"^https://[^\s\"'<>?#\\{}]+$"


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
    RECONCILE = "reconcile"  # find out, and skip or resend only when nobody knows


class Holdout(Model):
    percent: float = Field(
        ge=0, le=100, allow_inf_nan=False, description="Share of eligible recipients that get nothing."
    )
    salt: str = Field(default="", description="Another salt draws another holdout.")


class Audience(Model):
    source: str | list[str] = Field(
        description="Files, globs or URLs of Parquet, CSV or Arrow IPC; or postgresql://... or sqlite:///path, with `query`; or `store:`."
    )
    query: Annotated[str, Field(min_length=1, max_length=100_000)] | None = Field(
        default=None, description="One SELECT for the database that `source` names; its columns are the recipients'."
    )
    password: str | None = Field(
        default=None, description="env:NAME or file:PATH of the database's password; libpq's own files if absent."
    )
    types: dict[ColumnName, str] = Field(
        default_factory=dict,
        description="SQL types of columns that the source has as text or JSON: `DATE`, `STRUCT(sku VARCHAR, price DOUBLE)[]`.",
    )
    format: Literal["parquet", "csv", "arrow"] | None = Field(
        default=None, description="By the file's suffix if absent."
    )
    key: ColumnName = Field(description="The column that names a recipient for ever.")
    email: ColumnName = Field(default="email", description="The column of addresses.")
    subscribed: ColumnName | None = Field(default=None, description="A boolean column; false or null is not mailed.")
    timezone: ColumnName | None = Field(default=None, description="A column of IANA time zone names.")
    where: Condition | None = Field(default=None, description="A SQL boolean expression; only its rows are read.")
    suppression: str | list[str] | None = Field(
        default=None, description="Files with a column of addresses that must never be mailed."
    )
    list_: Identifier | None = Field(
        alias="list",
        default=None,
        description="The list that recipients unsubscribe from; global entries count on every list.",
    )
    duplicates: Named[Duplicates] = Field(
        default=Duplicates.KEEP_FIRST, description="What a second row with the same address means."
    )
    holdout: Holdout | None = None


class Sender(Model):
    address: Annotated[str, Field(min_length=3, max_length=254)] = Field(description="The address in From.")
    name: str | None = Field(default=None, description="The name that a mail program shows.")


class Unsubscribe(Model):
    url: str = Field(pattern=r"^https://", description="One-click address; the recipient's token is appended to it.")
    mailto: str | None = None


class Tracking(Model):
    """What tells that a message was read; `mailray serve` stands behind the address."""

    url: Annotated[str, Field(pattern=r"^https://[^\s\"'<>{}?#]+/$", max_length=500)] = Field(
        description="Where `mailray serve` is reached, with a `/` at its end; c/... and o/... are appended."
    )
    clicks: bool = Field(default=True, description="Lead links with a constant address through it.")
    opens: bool = Field(default=True, description="Add a picture of one pixel to the HTML part.")


class Dkim(Model):
    """Signatures of our own; a provider that writes messages anew signs them itself."""

    domain: Annotated[str, Field(pattern=HOST, max_length=253)] = Field(
        description="The domain that signs (d=), in ASCII; the From address must be of it."
    )
    selector: Annotated[str, Field(pattern=SELECTOR, max_length=63)] = Field(
        description="SELECTOR._domainkey.DOMAIN is where the public key is published."
    )
    key: str = Field(description="env:NAME or file:PATH of the private key in PEM form: RSA of 2,048 bits, or Ed25519.")


class Reconcile(Model):
    """For ``on_unknown: reconcile``."""

    after: Annotated[str, Field(pattern=DURATION)] = Field(
        default="24 hours", description="How long evidence is waited for, from the try on."
    )
    then: Literal["skip", "resend"] = Field(
        default="skip", description="What becomes of a message of which nobody knows by then."
    )


class Delivery(Model):
    transport: str = Field(
        default="rehearsal:",
        description="smtp://host:port, ses:, postmark:, sendgrid:, resend:, https+webhook://host/path, file:///folder or rehearsal:",
    )
    credentials: str | None = Field(
        default=None, description="env:NAME or file:PATH of what the transport asks for: a token, or NAME:PASSWORD."
    )
    dkim: Dkim | None = Field(
        default=None, description="Sign here; not with a provider that writes messages anew and signs them itself."
    )
    from_: Sender = Field(alias="from")
    reply_to: str | None = None
    return_path: str | None = Field(
        default=None,
        description="Envelope sender; the From address if absent. `{token}` in it names the message that bounced.",
    )
    unsubscribe: Unsubscribe | None = None
    tracking: Tracking | None = Field(
        default=None, description="Nothing is tracked if absent; what is, the recipient should have been told."
    )
    postal_address: str | None = Field(default=None, description="Marketing mail must carry one.")
    on_unknown: Named[UnknownPolicy] | None = Field(
        default=None, description="skip for marketing and resend for transactional mail if absent."
    )
    reconcile: Reconcile | None = Field(
        default=None, description="How long `on_unknown: reconcile` waits for evidence."
    )
    connections: int = Field(default=8, ge=1, le=256, description="Open connections of one delivery worker.")
    reply_timeout: float = Field(
        default=600, gt=0, le=3600, description="Seconds to wait for the reply to the final dot."
    )
    send_at: Annotated[str, Field(pattern=TIME_OF_DAY)] | None = Field(
        default=None, description="HH:MM on the recipient's clock; nothing is sent to anybody before."
    )
    expires: Annotated[str, Field(pattern=EXPIRY)] = Field(
        default="72 hours", description="A time after planning, or an instant, from which on nothing is tried any more."
    )
    secret: str | None = Field(
        default=None, description="env:NAME or file:PATH of the key that signs tokens and Message-IDs."
    )


class Assets(Model):
    folder: Annotated[str, Field(pattern=FOLDER, max_length=128)] = Field(
        default="assets",
        description="The folder below the campaign's that `asset('logo.png')` in a template begins in.",
    )
    prefix: Annotated[str, Field(pattern=WEB_FOLDER, max_length=1_000)] = Field(
        description="Where the files are served from; `logo.png` becomes PREFIX/logo.HASH.png."
    )


class Frequency(Model):
    messages: int = Field(ge=1, le=1_000_000, description="No recipient gets more than so many messages...")
    per: Annotated[str, Field(pattern=DURATION)] = Field(
        description="...in any such time (`7 days`), from all campaigns that state a frequency."
    )


class Quiet(Model):
    from_: Annotated[str, Field(pattern=TIME_OF_DAY)] = Field(
        alias="from", description="HH:MM on the recipient's clock."
    )
    until: Annotated[str, Field(pattern=TIME_OF_DAY)] = Field(description="HH:MM, of the next day if it is earlier.")


class WarmUp(Model):
    since: Annotated[str, Field(pattern=DAY)] = Field(description="The first day (UTC), as YYYY-MM-DD in quotes.")
    daily: list[Annotated[int, Field(ge=1)]] = Field(
        min_length=1, description="The most messages on the first, second, ... day; no such limit after the last."
    )


class Destination(Model):
    domains: list[Annotated[str, Field(pattern=HOST, max_length=253)]] = Field(
        default=[], description="Domains that belong here besides those that are known to."
    )
    messages_per_second: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="No limit but that of the run if absent."
    )
    connections: int | None = Field(default=None, ge=1, le=256, description="The most messages on their way at a time.")
    warm_up: WarmUp | None = Field(default=None, description="Few messages on the first days, more on the next.")


class Limits(Model):
    messages_per_second: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Over all workers; no limit if absent."
    )
    sender_per_second: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Messages of one sending domain; no limit if absent."
    )
    destinations: dict[Identifier, Destination] = Field(
        default_factory=dict, description="Limits by destination: google, microsoft, ..., other, or one with `domains`."
    )
    frequency: list[Frequency] = Field(default=[], description="How often one recipient is mailed; all must hold.")
    quiet_hours: Quiet | None = Field(default=None, description="When nothing is sent, on the recipient's clock.")
    recipients: int | None = Field(
        default=None,
        gt=0,
        description="No more than so many messages in a run; not of a workflow with a trigger, which has no end.",
    )


class Capacity(Model):
    partition_rows: int = Field(default=16_384, ge=1, le=10_000_000, description="Rounded up to whole blocks of 8,192.")
    delivery_workers: int = Field(default=2, ge=1, le=1_000, description="The most delivery workers of a run.")
    concurrent_executions: int = Field(
        default=100_000, ge=1, le=10_000_000, description="Executions of this workflow that are worked on at a time."
    )


class Campaign(Model):
    """campaign.yaml."""

    name: Identifier = Field(description="Names the campaign for ever: holdouts and message keys derive from it.")
    description: str = ""
    type: Named[CampaignType]
    priority: Named[Priority] = Field(default=Priority.NORMAL, description="How long a message may wait.")
    mail_class: Named[MailClass] = Field(
        default=MailClass.MARKETING, alias="class", description="marketing mail must offer to unsubscribe."
    )
    timezone: str = Field(default="UTC", description="IANA zone of dates and of `now()` where a recipient has none.")
    audience: Audience
    segments: dict[Identifier, Condition] = Field(
        default_factory=dict, description="SQL boolean expressions by name; later conditions and templates read them."
    )
    variables: dict[str, Any] = Field(default_factory=dict, description="Constants that templates may read.")
    assets: Assets | None = Field(default=None, description="Images and other files that templates point to.")
    events: dict[Identifier, Properties] = Field(
        default_factory=dict, description="The events that are known, each with the types of its properties."
    )
    trigger: Trigger | None = Field(
        default=None, description="What begins an execution; if absent, a run, for its whole audience."
    )
    reentry: Annotated[str, Field(pattern=REENTRY)] = Field(
        default="after_exit",
        description="Who has been here enters again `never`, `after_exit`, or so long after the last time (`30 days`).",
    )
    not_while: list[Identifier] = Field(
        default=[], max_length=50, description="Nobody enters while in one of these workflows."
    )
    only_after: list[Identifier] = Field(
        default=[], max_length=50, description="Only who has come to the end of each of these workflows enters."
    )
    exit: list[Happening] = Field(default=[], max_length=20, description="Any of these ends an execution at once.")
    goal: Happening | None = Field(default=None, description="What the campaign is for; noted when it happens.")
    workflow: list[AnyStep] = Field(min_length=1, description="The steps; an execution begins at the first.")
    delivery: Delivery
    limits: Limits = Limits()
    capacity: Capacity = Capacity()
