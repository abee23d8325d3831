"""What an inbox can be told: where it listens, what it keeps, what it does wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Faults:
    """Fractions of recipients (0 to 1, at most 1 together) for whom something goes wrong.

    A recipient's fault is drawn from the seed and the address, so it is the same in every order of arrival. A permanent one is met
    every time, any other the first time only, so that a second attempt succeeds.
    """

    seed: int = 0
    temporary: float = 0.0  # 451 as the reply to the final dot
    permanent: float = 0.0  # 550 as the reply to RCPT
    closing: float = 0.0  # 421 as the reply to the final dot, and the connection closes
    drop_before_dot: float = 0.0  # the connection closes instead of the reply to DATA
    drop_after_dot: float = 0.0  # the message is kept and the connection closes instead of the reply to the final dot
    delay: float = 0.0  # the reply to the final dot comes after ``delay_seconds``
    trickle: float = 0.0  # from here on this connection answers one octet a second
    delay_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """Port 0 is any free port; ``web_port`` None is no page.

    The last ``keep`` messages stay in memory. In ``folder`` stand the first ``keep_first`` as ``first-000001.eml`` and so on,
    and, when the inbox closes, the last ``keep_last`` as ``last-...``. ``log`` gets a line for each message and recipient
    kept, before it is answered. ``certificate`` is a PEM file of key and chain, for implicit TLS.
    """

    host: str = "127.0.0.1"
    port: int = 0
    web_port: int | None = None
    keep: int = 200
    folder: Path | None = None
    keep_first: int = 25
    keep_last: int = 0
    log: Path | None = None
    largest: int = 50_000_000  # octets a message
    certificate: Path | None = None
    faults: Faults = Faults()
