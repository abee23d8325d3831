"""Calls to webhooks for threads that wait for them: many at a time, on one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError

import httpx

from engine.adapters.webhooks import MOST_AT_A_TIME, WebhookCaller
from engine.errors import MailrayError
from engine.workflow.webhooks import Answer, Call

SECONDS = 20.0
"""How long whoever asks for calls may wait for the last of them to begin; what has not begun by then is not made."""
MOST_OF_A_HOST = MOST_AT_A_TIME // 2
"""Calls to one host at a time, so that one that does not answer leaves room for the others."""

Made = tuple[Call, Answer, int]


class WebhookCalls:
    """For any thread. ``caller`` is used by nobody else, and closed with this; ``wall`` gives UTC microseconds."""

    def __init__(self, caller: WebhookCaller, wall: Callable[[], int]) -> None:
        self._caller = caller
        self._wall = wall
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="webhooks", daemon=True)
        self._thread.start()
        self._places = asyncio.Semaphore(MOST_AT_A_TIME)
        self._of_host: dict[str, asyncio.Semaphore] = {}
        self._turns: dict[tuple[str, str], float] = {}

    def __call__(self, calls: Sequence[Call]) -> list[Made]:
        """Make calls; gives those that were made, what came of each, and when. The others have not begun in time: because the rate of
        their step is limited, or because others do not answer. All are back after ``SECONDS`` and the time that a call may take."""
        try:
            return asyncio.run_coroutine_threadsafe(self._make_all(calls), self._loop).result()
        except CancelledError:  # closed meanwhile
            return []

    def close(self) -> None:
        """Give up calls that are being made."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _make_all(self, calls: Sequence[Call]) -> list[Made]:
        deadline = self._loop.time() + SECONDS
        made = await asyncio.gather(*(self._make(call, deadline) for call in calls))
        return [each for each in made if each is not None]

    async def _make(self, call: Call, deadline: float) -> Made | None:
        if call.per_second is not None:  # it takes no place while it waits for its turn
            return await self._answered(call) if self._has_turn(call, deadline) else None
        async with self._host(call), self._places:
            return await self._answered(call) if self._loop.time() < deadline else None

    async def _answered(self, call: Call) -> Made:
        try:
            answer = await self._caller.call(call)
        except MailrayError as fault:  # the reference to its credentials leads nowhere, now
            answer = Answer(None, error=f"not made: {fault.diagnostics[0].message}")
        except Exception as fault:  # an address or a header that cannot be written: it would be no other the next time
            answer = Answer(None, error=f"cannot be made: {type(fault).__name__}", again=False)
        return call, answer, self._wall()

    def _has_turn(self, call: Call, deadline: float) -> bool:
        """Whether its turn comes in time; the caller gives turns by the same rule, in the same order."""
        assert call.per_second is not None
        key, now = (call.step, call.url), self._loop.time()
        turn = max(self._turns.get(key, now), now)
        if turn >= deadline:
            return False
        self._turns[key] = turn + 1 / call.per_second
        return True

    def _host(self, call: Call) -> asyncio.Semaphore:
        try:
            host = httpx.URL(call.url).host
        except httpx.InvalidURL:
            host = ""
        return self._of_host.setdefault(host, asyncio.Semaphore(MOST_OF_A_HOST))

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._caller.close()
