"""One commit for all that came in while the last one went to the disk: after a campaign everybody clicks at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from engine.delivery.feedback.contract import FeedbackIntake
from engine.delivery.feedback.events import FeedbackEvent

MOST = 1_000  # callers in one commit


class GroupedIntake:
    """An intake for many callers on one event loop. Whoever waits goes on when their events are durable, or gets what was raised."""

    def __init__(self, intake: FeedbackIntake) -> None:
        self._intake = intake
        self._waiting: list[tuple[Sequence[FeedbackEvent], asyncio.Future[None]]] = []
        self._taking: asyncio.Task[None] | None = None

    async def take(self, events: Sequence[FeedbackEvent]) -> None:
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, told))
        if self._taking is None:
            self._taking = asyncio.create_task(self._take_all())
        await told

    async def _take_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._take_group(group)
        finally:
            self._taking = None

    async def _take_group(self, group: Sequence[tuple[Sequence[FeedbackEvent], asyncio.Future[None]]]) -> None:
        fault: Exception | None = None
        try:
            await run_in_threadpool(self._intake.take, [each for events, _ in group for each in events])
        except Exception as raised:  # whatever it is, those who wait are told
            fault = raised
        for _, told in group:
            if told.done():  # the caller has gone
                continue
            if fault is None:
                told.set_result(None)
            else:
                told.set_exception(fault)
