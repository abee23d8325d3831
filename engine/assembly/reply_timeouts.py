"""How long the reply to the final dot is waited for, where that is so short that it makes doubts."""

from __future__ import annotations

from collections.abc import Iterator

from engine.campaign.load import LoadedCampaign
from engine.errors import Diagnostic

SHORTEST = 120  # seconds; RFC 5321 section 4.5.3.2.6 asks for 600


def short_reply_timeout(loaded: LoadedCampaign) -> Iterator[Diagnostic]:
    """MR157 for a wait of less than two minutes: a server that takes longer has the message, and nobody knows."""
    seconds = loaded.campaign.delivery.reply_timeout
    if seconds < SHORTEST:
        yield loaded.document.fault(
            "MR157",
            f"replies are waited for {seconds:g} seconds only: whoever answers later makes a message of unknown fate",
            ("delivery", "reply_timeout"),
            f"{SHORTEST} at least; RFC 5321 asks for 600, which is what holds without it",
        )
