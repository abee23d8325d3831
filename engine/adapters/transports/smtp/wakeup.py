"""One sleeper, woken by whoever has news; the sleeper looks for itself what the news is."""

from __future__ import annotations

import asyncio


class Wakeup:
    """A condition with a single waiter and no lock: one future for each sleep, none when there is no need to sleep."""

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None

    def sleep(self) -> asyncio.Future[None]:
        """What to await, in a loop around the condition that is waited for."""
        self._future = self._loop.create_future()
        return self._future

    def wake(self) -> None:
        future = self._future
        if future is not None:
            self._future = None
            if not future.done():
                future.set_result(None)
