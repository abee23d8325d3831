"""Deliver one outbox partition: claim, plan, recover, send, and leave nothing unaccounted for."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace

from engine.campaign.durations import expiry
from engine.campaign.schema import UnknownPolicy
from engine.delivery.dispatch import Dispatch, Surroundings
from engine.delivery.doubts import DoubtRule, Evidence, reconcile
from engine.delivery.gate import Hold, WatchedGate, sift
from engine.delivery.journal import Journal
from engine.delivery.recovery import Recovery, recover
from engine.delivery.retry import Backoff, Schedule
from engine.delivery.session import SessionFeed
from engine.delivery.supply import Materialise, Supply
from engine.delivery.transport import Transport
from engine.errors import ServiceError
from engine.ledger.contract import Appender, PartitionLedger
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry
from engine.ledger.replay import Standing
from engine.ledger.states import State

_SECOND = 1_000_000
_ASKED_AT_ONCE = 500  # the lease is renewed in between
LEASE_MARGIN = 60.0
"""Seconds that a lease outlives the longest wait for a reply: a connection cannot be fenced, only outwaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a partition is delivered.

    ``owner`` names this worker for others (host, process). ``expires`` is as in the campaign file. ``most`` is how many of the
    partition's first messages may be sent; those after them are skipped. ``rule`` is for ``on_unknown`` = RECONCILE.
    """

    owner: str
    connections: int = 8
    on_unknown: UnknownPolicy = UnknownPolicy.SKIP
    rule: DoubtRule = field(default_factory=DoubtRule)
    reply_timeout: float = 600.0
    most: int | None = None
    schedule: Schedule = field(default_factory=Schedule)
    backoff: Backoff = field(default_factory=Backoff)
    expires: str = "72 hours"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a delivery leaves: ``counts`` of the partition, when there is something to do again (UTC microseconds: the first deferred
    message is due, or a doubt is looked at), and how many messages the previous owner had left in doubt."""

    counts: Counts
    next_due: int | None
    crashed: int
    stopped: bool


async def deliver(
    ledger: PartitionLedger,
    keys: Sequence[bytes],
    materialise: Materialise,
    transport: Transport,
    settings: Settings,
    surroundings: Surroundings,
) -> Delivered:
    """Send what is ready in one partition over up to ``connections`` sessions, until none is left or it is stopped.

    ``keys`` are the delivery keys of the outbox rows. Whatever is raised, each message is accounted for in the ledger by
    then, and the next ``deliver`` goes on. Raises RefusedError when another owner has, or takes over, the partition;
    ServiceError when no connection can be made or kept; what the ledger or the transport raises; InternalError.
    """
    delivery = _Delivery(ledger, transport, settings, surroundings)
    with (
        ThreadPoolExecutor(1, "ledger") as writing,
        ThreadPoolExecutor(1, "materialise") as materialising,
        ThreadPoolExecutor(1, "gate") as watching,
    ):
        in_thread = asyncio.get_running_loop().run_in_executor
        try:
            standing, recovery = await in_thread(writing, delivery.open, keys)
            gate = None if surroundings.gate is None else WatchedGate(surroundings.gate, watching)
            with closing(ledger.appender(writing)) as appender:
                return await delivery.run(standing, recovery, gate, materialise, appender, materialising)
        finally:
            await in_thread(writing, ledger.release)


class _Delivery:
    def __init__(
        self, ledger: PartitionLedger, transport: Transport, settings: Settings, surroundings: Surroundings
    ) -> None:
        self._ledger = ledger
        self._transport = transport
        self._settings = settings
        self._around = surroundings
        self._lease = settings.reply_timeout + LEASE_MARGIN
        self._sessions = 0

    def open(self, keys: Sequence[bytes]) -> tuple[Standing, Recovery]:
        """Become the owner, and bring the ledger to where sending can go on."""
        now = self._around.wall()
        self._ledger.claim(self._settings.owner, now, self._lease_until())
        self._ledger.plan(keys, now)
        standing = self._ledger.replay()
        recovery = recover(standing, self._settings.on_unknown, now, self._settings.most)
        self._append(recovery.entries)
        if self._settings.on_unknown is UnknownPolicy.RECONCILE:
            standing, recovery = self._reconcile(keys, standing, recovery, now)
        if self._around.gate is not None:
            self._around.gate.recover(standing)
        return standing, recovery

    def _reconcile(
        self, keys: Sequence[bytes], standing: Standing, recovery: Recovery, now: int
    ) -> tuple[Standing, Recovery]:
        """Ask about what is in doubt, write down what follows, and recover from there."""
        doubts = standing.rows(State.UNKNOWN, State.INTENT).tolist()
        if not doubts:
            return standing, recovery
        witness, settings = self._around.witness, self._settings
        known = self._known(keys, doubts)
        settled = reconcile(self._ledger.replay(), known, settings.rule, witness.remembers, now)
        self._append(settled.entries)
        standing = self._ledger.replay()
        after = recover(standing, settings.on_unknown, now, settings.most)
        due = [each for each in (after.next_due, settled.next_look) if each is not None]
        return standing, replace(after, next_due=min(due, default=None), crashed=recovery.crashed)

    def _known(self, keys: Sequence[bytes], rows: Sequence[int]) -> dict[int, Evidence]:
        known: dict[int, Evidence] = {}
        for start in range(0, len(rows), _ASKED_AT_ONCE):
            asked = rows[start : start + _ASKED_AT_ONCE]
            told = self._around.witness.ask([keys[row] for row in asked])
            known |= {row: told[keys[row]] for row in asked if keys[row] in told}
            self._append(())
        return known

    async def run(
        self,
        standing: Standing,
        recovery: Recovery,
        gate: WatchedGate | None,
        materialise: Materialise,
        appender: Appender,
        materialising: ThreadPoolExecutor,
    ) -> Delivered:
        settings = self._settings
        ready, held = recovery.ready, dict[int, Hold]()
        if gate is not None:
            await gate.refresh()
            ready, held = sift(gate.gate, ready, self._around.wall())
        admit = None if gate is None else gate.gate.admit
        supply = Supply(materialise, ready, materialising, admit, self._around.pacing)
        journal = Journal(lambda entries: appender(entries, self._lease_until()))
        tally = standing.tally()
        tally.enter_all(recovery.entries)
        dispatch = Dispatch(
            supply,
            gate,
            journal,
            tally,
            array("q", standing.attempt.tolist()),
            self._around,
            schedule=settings.schedule,
            policy=settings.on_unknown,
            rule=settings.rule,
            expires_at=expiry(settings.expires, standing.planned_at),
        )
        for row, hold in held.items():
            dispatch.hold(row, hold)
        watching = [self._renew(journal), *([] if gate is None else [gate.watch()])]
        tasks = [asyncio.create_task(each) for each in watching]
        try:
            await self._send(dispatch, min(settings.connections, len(ready)))
        finally:
            for task in tasks:
                task.cancel()
            await supply.close()
            await journal.close()
            if gate is not None:
                await gate.close()
            self._around.progress(dispatch.counts())
        if dispatch.fault is not None:
            raise dispatch.fault
        due = [each for each in (recovery.next_due, dispatch.next_due) if each is not None]
        return Delivered(dispatch.counts(), min(due, default=None), recovery.crashed, self._around.stopped())

    async def _send(self, dispatch: Dispatch, lanes: int) -> None:
        """Keep up to ``lanes`` sessions open. A lane that cannot connect retires; when the last one does, that is an error."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._lane(dispatch, lane)) for lane in range(lanes)]
        retired = [end for end in (task.result() for task in tasks) if end is not None]
        if retired and not dispatch.ended:
            raise retired[-1]

    async def _lane(self, dispatch: Dispatch, lane: int) -> ServiceError | None:
        """Open one session after another while there is work. Returns why it gave up, or None."""
        key = f"{self._settings.owner}/{lane}".encode()
        failures = 0
        while not dispatch.ended:
            settled, fault = await self._session(dispatch)
            if settled and fault is None:
                failures = 0
                continue
            failures = 1 if settled else failures + 1
            wait = self._settings.backoff.wait(key, failures)
            if wait is None:
                return fault
            if not dispatch.ended:
                await dispatch.sleep(wait)
        return None

    async def _session(self, dispatch: Dispatch) -> tuple[int, ServiceError | None]:
        """One session, and what it settled. Anything but a lost connection ends the whole delivery, after the others' replies."""
        feed = SessionFeed(dispatch)
        fault: ServiceError | None = None
        self._count(dispatch.journal, 1)
        try:
            await self._transport.session(feed)
        except ServiceError as lost:
            fault = lost
        except Exception as wrong:
            dispatch.fault = dispatch.fault or wrong
        finally:
            self._count(dispatch.journal, -1)
            feed.settle()
        if fault is None and not feed.settled and not dispatch.ended:
            fault = ServiceError.single("MR652", "the transport ended a session without sending what was left")
        return feed.settled, fault

    def _count(self, journal: Journal, change: int) -> None:
        """The journal need not wait for more connections than there are."""
        self._sessions += change
        journal.group = max(1, self._sessions)

    def _append(self, entries: Sequence[Entry]) -> None:
        self._ledger.append(entries, self._lease_until())

    def _lease_until(self) -> int:
        return self._around.wall() + round(self._lease * _SECOND)

    async def _renew(self, journal: Journal) -> None:
        while True:
            await asyncio.sleep(self._lease / 4)
            journal.renew()
