"""Providers that take mail over HTTP, a file each; what they have in common is one session (see ``exchange``)."""

from typing import Final

from engine.adapters.transports.kind import TransportKind
from engine.adapters.transports.providers import postmark, resend, sendgrid, ses, webhook
from engine.adapters.transports.providers.capabilities import CAPABILITIES, Capabilities

__all__ = ["CAPABILITIES", "KINDS", "Capabilities"]

KINDS: Final[tuple[TransportKind, ...]] = (ses.KIND, postmark.KIND, sendgrid.KIND, resend.KIND, webhook.KIND)
