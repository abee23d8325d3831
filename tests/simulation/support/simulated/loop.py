"""An event loop whose time is virtual and whose threads are not threads: what happens when is drawn from the seed alone."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class DeadlockError(Exception):
    """Nothing is going to happen any more, and somebody still waits."""


class _NoWaiting(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise DeadlockError
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """``delay`` gives the seconds that a call in a thread takes; ``connect`` opens a connection."""

    def __init__(self, delay: Callable[[], float], connect: Callable[[Any], Any]) -> None:
        self._virtual = _NoWaiting()
        super().__init__(self._virtual)
        self._delay = delay
        self._connect = connect
        self._busy_until: dict[object, float] = {}

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        """One call after the other, as in an executor of one thread. A call that has begun goes on when nobody waits for it any more."""
        future = self.create_future()

        def act() -> None:
            try:
                result = func(*args)
            except Exception as fault:
                if not future.done():
                    future.set_exception(fault)
            else:
                if not future.done():
                    future.set_result(result)

        begin = max(self.time(), self._busy_until.get(executor, 0.0))
        self._busy_until[executor] = begin + self._delay()
        self.call_at(self._busy_until[executor], act)
        return future

    async def create_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        return await self._connect(protocol_factory)
