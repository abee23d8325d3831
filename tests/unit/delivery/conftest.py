"""An event loop whose time is virtual: it leaps to the next timer when nothing else happens, here or in its threads."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

_THREADS_TURN = 0.1  # real seconds in which a thread that is at work may answer before time leaps


class _LeapingSelector(selectors.DefaultSelector):
    leapt = 0.0
    busy = 0  # calls in threads that have not answered

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(min(timeout, _THREADS_TURN) if self.busy else 0)
        if not ready:
            self.leapt += timeout
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return super().time() + self._leaping.leapt

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        self._leaping.busy += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._answered)
        return future

    def _answered(self, _: object) -> None:
        self._leaping.busy -= 1


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine in virtual time."""

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            return runner.run(coroutine)

    return run
