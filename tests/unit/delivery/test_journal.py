import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from engine.delivery.journal import Journal
from engine.errors import InternalError, TryAgainError
from engine.ledger.entries import Entry
from engine.ledger.states import Reason, State

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Disk:
    """Where a journal's groups go. It can be held, and told to fail."""

    def __init__(self) -> None:
        self.groups: list[list[Entry]] = []
        self.fault: Exception | None = None
        self.free = threading.Event()
        self.free.set()

    def append(self, entries: Sequence[Entry]) -> None:
        assert self.free.wait(10)
        if self.fault is not None:
            raise self.fault
        self.groups.append(list(entries))


def intent(row: int) -> Entry:
    return Entry(row, State.INTENT.value, 1, 1)


def accepted(row: int) -> Entry:
    return Entry(row, State.ACCEPTED.value, 1, 2)


def taken_back(row: int) -> Entry:
    return Entry(row, State.DEFERRED.value, 1, 1, Reason.RELEASED.value, next_at=1)


def using(disk: Disk, scenario: Callable[[Journal], Coroutine[Any, Any, None]]) -> Coroutine[Any, Any, None]:
    async def body() -> None:
        with ThreadPoolExecutor(1) as executor:
            in_thread = partial(asyncio.get_running_loop().run_in_executor, executor, disk.append)
            await scenario(Journal(in_thread))

    return body()


def test_all_connections_share_a_write(run: Run) -> None:
    disk = Disk()

    async def scenario(journal: Journal) -> None:
        journal.group = 4
        assert await asyncio.gather(*(journal.intent(intent(row)) for row in range(4))) == [True] * 4
        await journal.close()

    run(using(disk, scenario))
    assert disk.groups == [[intent(row) for row in range(4)]]


def test_one_who_waits_alone_does_not_wait_for_ever(run: Run) -> None:
    disk = Disk()

    async def scenario(journal: Journal) -> None:
        journal.group = 100
        assert await journal.intent(intent(0))
        journal.record(accepted(0))
        while len(disk.groups) < 2:
            await asyncio.sleep(0.01)

    run(using(disk, scenario))
    assert disk.groups == [[intent(0)], [accepted(0)]]


def test_nobody_goes_on_before_the_disk_has_answered(run: Run) -> None:
    disk = Disk()

    async def scenario(journal: Journal) -> None:
        disk.free.clear()
        first = journal.intent(intent(0))
        second = journal.intent(intent(1))
        await asyncio.sleep(60)
        assert not first.done()
        assert not second.done()
        disk.free.set()
        assert await first
        assert await second
        await journal.close()

    run(using(disk, scenario))
    assert disk.groups == [[intent(0)], [intent(1)]]


def test_what_is_recorded_goes_with_the_next_write_in_order(run: Run) -> None:
    disk = Disk()

    async def scenario(journal: Journal) -> None:
        assert await journal.intent(intent(0))
        journal.record(accepted(0))
        assert await journal.intent(intent(1))
        await journal.close()

    run(using(disk, scenario))
    assert disk.groups == [[intent(0)], [accepted(0), intent(1)]]


def test_a_failed_write_lets_nobody_go_on_and_keeps_the_outcomes(run: Run) -> None:
    disk = Disk()

    async def scenario(journal: Journal) -> None:
        assert await journal.intent(intent(0))
        journal.record(accepted(0))
        disk.fault = TryAgainError.single("MR608", "full")
        waiting = [journal.intent(intent(row)) for row in (1, 2)]
        assert await asyncio.gather(*waiting) == [False, False]
        assert await journal.intent(intent(3)) is False
        journal.record(Entry(4, State.SKIPPED.value, 0, 3))
        disk.fault = None
        with pytest.raises(TryAgainError):
            await journal.close()

    run(using(disk, scenario))
    skipped = Entry(4, State.SKIPPED.value, 0, 3)
    assert disk.groups == [[intent(0)], [accepted(0), taken_back(1), taken_back(2), skipped]]


def test_what_nobody_foresaw_fails_closed_too(run: Run) -> None:
    disk = Disk()

    async def scenario(journal: Journal) -> None:
        disk.fault = OSError("gone")
        assert await journal.intent(intent(0)) is False
        disk.fault = None
        with pytest.raises(InternalError, match="gone"):
            await journal.close()

    run(using(disk, scenario))
    assert disk.groups == [[taken_back(0)]]


def test_one_who_gives_up_waiting_takes_nobody_along(run: Run) -> None:
    disk = Disk()

    async def scenario(journal: Journal) -> None:
        journal.group = 3
        waiting = [journal.intent(intent(row)) for row in (0, 1)]
        waiting[0].cancel()
        assert await waiting[1]
        await journal.close()

    run(using(disk, scenario))
    assert disk.groups == [[intent(0), intent(1)]]


def test_renewing_writes_even_nothing(run: Run) -> None:
    disk = Disk()

    async def scenario(journal: Journal) -> None:
        journal.renew()
        await journal.close()

    run(using(disk, scenario))
    assert disk.groups == [[]]
