"""What takes feedback: the runs' messages, the stores that outlive runs, and who reads what comes back."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import httpx

from engine.adapters.feedback.deliveries import RunDeliveries, RunIdentity
from engine.adapters.feedback.live_keyring import LiveKeyring
from engine.adapters.feedback.mailboxes import ImapMailbox, Mailbox, Maildir
from engine.adapters.stores.run_folder import RunFolder
from engine.adapters.web import FeedbackParts
from engine.assembly.events import posting
from engine.assembly.secret_references import resolve_secret
from engine.assembly.settings import AppSettings
from engine.assembly.stores import open_event_log, open_executions, open_store, open_suppression
from engine.assembly.wall_clock import wall
from engine.audience.store import Store
from engine.campaign.load import load_campaign
from engine.delivery.feedback.contract import EventLog
from engine.delivery.feedback.rules import BounceRules
from engine.delivery.feedback.webhooks import (
    ForgedError,
    PostmarkWebhook,
    ResendWebhook,
    SendGridWebhook,
    SesWebhook,
    Webhook,
)
from engine.errors import MailrayError, UsageError, did_you_mean
from engine.pipeline.bounces import BounceReader
from engine.pipeline.definition import TENANT
from engine.pipeline.feedback import Intake
from engine.pipeline.records import MANIFEST
from engine.workflow.executions import ExecutionStore

INDEX_SECONDS = 2.0
FETCH_SECONDS = 5.0
LARGEST_FETCH = 64 << 10
HOOKS = ("ses", "postmark", "sendgrid", "resend")


@dataclass(frozen=True, slots=True)
class Feedback:
    """All that takes feedback in one process."""

    deliveries: RunDeliveries
    tokens: LiveKeyring
    log: EventLog
    store: Store
    executions: ExecutionStore
    intake: Intake
    rules: BounceRules

    @property
    def bounces(self) -> BounceReader:
        return BounceReader(self.rules, self.tokens.key_of, self.deliveries)

    @contextmanager
    def indexing(self) -> Iterator[None]:
        """Take in what runs plan, beside whatever else is done: whoever asks for a message then seldom waits for the index."""
        ended = threading.Event()

        def look() -> None:
            while not ended.is_set():
                with suppress(MailrayError):  # told to whoever asks for a message
                    self.deliveries.index()
                ended.wait(INDEX_SECONDS)

        thread = threading.Thread(target=look, name="index of messages", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def parts(self, webhooks: Sequence[Webhook], posting_token: str | None = None) -> FeedbackParts:
        """What the HTTP application works with. Raises CampaignError, UsageError for a reference to a token that is none."""
        posted = posting(self.store, self.executions, posting_token)
        return FeedbackParts(self.tokens, self.deliveries, self.intake, webhooks, wall, self.store.version, posted)


@contextmanager
def open_feedback(settings: AppSettings, former: Sequence[str] = ()) -> Iterator[Feedback]:
    """Feedback for the runs below ``settings.runs``. ``former`` refer to secrets that campaigns no longer name.

    Raises CampaignError for a reference to a secret that is not there.
    """
    stores = settings.stores_at
    secrets = [resolve_secret(each, Path.cwd()) for each in former]
    deliveries = RunDeliveries(settings.runs.absolute(), stores.folder / "deliveries.sqlite", _identify)
    log = open_event_log(stores)
    suppression = open_suppression(stores)
    store = open_store(stores)
    executions = open_executions(stores)
    tokens = LiveKeyring(deliveries, secrets, TENANT, time.monotonic)
    try:
        intake = Intake(log, deliveries, suppression, store)
        yield Feedback(deliveries, tokens, log, store, executions, intake, bounce_rules())
    finally:
        for each in (deliveries, log, suppression, store, executions):
            each.close()


def bounce_rules() -> BounceRules:
    """The rules that bounces are classified by."""
    return BounceRules.parse(resources.files("engine.adapters.feedback").joinpath("rules.toml").read_text("utf-8"))


def open_webhooks(hooks: Sequence[str], rules: BounceRules) -> list[Webhook]:
    """The webhooks of ``PROVIDER=REFERENCE`` (for ses: the topic's ARN itself). Raises UsageError, CampaignError."""
    return [_webhook(each, rules) for each in hooks]


def open_mailbox(where: str, password: str | None) -> Mailbox:
    """A Maildir, or the mailbox of an IMAP address with a reference to its password.

    Raises UsageError, MissingInputError, CampaignError, RefusedError, ServiceError.
    """
    if re.match(r"imaps?://", where):
        return ImapMailbox.open(where, lambda: resolve_secret(password, Path.cwd()))
    return Maildir(Path(where))


def _identify(folder: RunFolder) -> RunIdentity:
    campaign = load_campaign(folder.campaign).campaign
    secret = resolve_secret(campaign.delivery.secret, Path(folder.read_json(MANIFEST)["origin"]))
    return RunIdentity(campaign.name, campaign.audience.list_ or "", secret)


def _webhook(hook: str, rules: BounceRules) -> Webhook:
    provider, _, reference = hook.partition("=")
    if provider not in HOOKS or not reference:
        raise UsageError.single(
            "MR771", f"`{hook}` is no webhook", help=f"PROVIDER=REFERENCE; {did_you_mean(provider, HOOKS)}"
        )
    if provider == "ses":
        if not reference.startswith("arn:aws"):
            raise UsageError.single("MR771", "ses is given its topic: ses=arn:aws:sns:REGION:ACCOUNT:TOPIC")
        return SesWebhook(reference.encode(), rules, _fetch)
    kinds: dict[str, Callable[[bytes, BounceRules], Webhook]] = {
        "postmark": PostmarkWebhook,
        "sendgrid": SendGridWebhook,
        "resend": ResendWebhook,
    }
    try:
        return kinds[provider](resolve_secret(reference, Path.cwd()), rules)
    except ValueError as fault:
        raise UsageError.single("MR771", f"{reference} does not fit {provider}: {fault}") from None


def _fetch(url: str) -> bytes:
    """A small document from an address that was checked. No redirect is followed and no proxy asked."""
    try:
        with (
            httpx.Client(trust_env=False, follow_redirects=False, timeout=FETCH_SECONDS) as client,
            client.stream("GET", url) as response,
        ):
            response.raise_for_status()
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > LARGEST_FETCH:
                    raise ForgedError("too large a document")
            return content
    except httpx.HTTPError as fault:
        raise ForgedError("the signing certificate cannot be fetched") from fault
