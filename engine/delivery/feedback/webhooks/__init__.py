"""What providers tell us over HTTP: one file a provider, each verifying who speaks before it reads a word."""

from engine.delivery.feedback.webhooks.contract import ForgedError, MalformedError, Webhook
from engine.delivery.feedback.webhooks.postmark import PostmarkWebhook
from engine.delivery.feedback.webhooks.resend import ResendWebhook
from engine.delivery.feedback.webhooks.sendgrid import SendGridWebhook
from engine.delivery.feedback.webhooks.ses import SesWebhook

WEBHOOKS = (SesWebhook, PostmarkWebhook, SendGridWebhook, ResendWebhook)

__all__ = [
    "WEBHOOKS",
    "ForgedError",
    "MalformedError",
    "PostmarkWebhook",
    "ResendWebhook",
    "SendGridWebhook",
    "SesWebhook",
    "Webhook",
]
