"""What each HTTP interface can do; docs/transports.md shows the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Capabilities:
    """``raw``: it takes our octets; if not, a message is taken apart. ``keeps_octets``: they arrive as they are, so that a DKIM
    signature of ours holds. ``batch`` is the most messages in a request. ``remembers`` is how long it knows an idempotency key again,
    and None if it knows none: then a request whose reply was lost is never sent twice. ``searched``: it can be asked for the message
    with a delivery key. Sizes are octets."""

    raw: bool
    keeps_octets: bool
    batch: int
    remembers: timedelta | None
    largest_message: int
    largest_request: int
    searched: bool = False


CAPABILITIES: Final = {
    "ses": Capabilities(
        raw=True, keeps_octets=False, batch=1, remembers=None, largest_message=40 * _MIB, largest_request=54 * _MIB
    ),
    "postmark": Capabilities(
        raw=False,
        keeps_octets=False,
        batch=500,
        remembers=None,
        largest_message=10 * _MIB,
        largest_request=50 * _MIB,
        searched=True,
    ),
    "sendgrid": Capabilities(
        raw=False,
        keeps_octets=False,
        batch=1,
        remembers=None,
        largest_message=30 * _MIB,
        largest_request=30 * _MIB,
        searched=True,
    ),
    "resend": Capabilities(
        raw=False,
        keeps_octets=False,
        batch=100,
        remembers=timedelta(hours=24),
        largest_message=40 * _MIB,
        largest_request=40 * _MIB,
    ),
    "webhook": Capabilities(
        raw=True, keeps_octets=True, batch=1, remembers=None, largest_message=100 * _MIB, largest_request=100 * _MIB
    ),
}
