"""When an interface asks for patience, all sessions with it wait."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from engine.adapters.transports.providers.provider import Reply
from engine.adapters.transports.providers.replies import retry_after

LONGEST: Final = 60.0
"""Seconds. Whatever an interface asks for, it is asked again after this time; what it refuses then is deferred."""


class Cooldown:
    """Waits as long as the interface says, else 1, 2, 4... seconds while it goes on refusing."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._until = 0.0
        self._refusals = 0

    def note(self, reply: Reply) -> None:
        if reply.status != 429 and reply.status < 500:
            self._refusals = 0
            return
        asked = retry_after(reply, time.time())
        wait = asked if asked is not None else 2.0 ** min(self._refusals, 10)
        self._refusals += 1
        self._until = max(self._until, time.monotonic() + min(wait, self._longest))

    async def wait(self) -> None:
        while (left := self._until - time.monotonic()) > 0:
            await asyncio.sleep(left)
