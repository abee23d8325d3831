"""What all connections of one partition share: the messages to send, the gate, and the writing down."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from engine.campaign.schema import UnknownPolicy
from engine.delivery.journal import Journal
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.pacing import TokenBucket
from engine.delivery.recovery import resends
from engine.delivery.retry import Schedule
from engine.delivery.supply import Supply
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry
from engine.ledger.states import Reason, State
from engine.ledger.tally import Tally

PROGRESS_SECONDS = 0.25
LONGEST_NAP = 0.5  # a stop is noticed within this time, in seconds

_STATE = {
    OutcomeClass.ACCEPTED: State.ACCEPTED.value,
    OutcomeClass.DEFERRED: State.DEFERRED.value,
    OutcomeClass.REJECTED: State.REJECTED.value,
    OutcomeClass.UNKNOWN: State.UNKNOWN.value,
}
_INTENT = State.INTENT.value
_NO_REPLY = Reason.NO_REPLY.value


def never(*_: object) -> bool:
    return False


def nothing(_: Counts) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a delivery asks of the world while it runs; each is called often and must be quick.

    ``wall`` is UTC microseconds. ``stopped`` is looked at before each message: a pause or an end. ``suppressed`` is looked at
    when a message is taken and again right before its intent. ``progress`` gets the partition's counts some times a second.
    """

    wall: Callable[[], int]
    stopped: Callable[[], bool] = never
    suppressed: Callable[[Message], bool] = never
    progress: Callable[[Counts], None] = nothing
    pace: TokenBucket | None = None


class Dispatch:
    """Belongs to one event loop, whose time is the monotonic clock."""

    def __init__(
        self,
        supply: Supply,
        journal: Journal,
        tally: Tally,
        attempts: array[int],
        surroundings: Surroundings,
        *,
        schedule: Schedule,
        policy: UnknownPolicy,
        expires_at: int,
    ) -> None:
        self.journal = journal
        self.fault: BaseException | None = None
        self.next_due: int | None = None
        self._supply = supply
        self._tally = tally
        self._attempts = attempts
        self._around = surroundings
        self._schedule = schedule
        self._policy = policy
        self._expires_at = expires_at
        self._loop = asyncio.get_running_loop()
        self._next_progress = self._loop.time()

    @property
    def ended(self) -> bool:
        """Whether nothing may be, or is left to be, given out."""
        return self.halted or self._supply.exhausted

    @property
    def halted(self) -> bool:
        return self.fault is not None or self.journal.fault is not None or self._around.stopped()

    async def take(self) -> Message | None:
        """The next message that has passed the gate and waited for its turn."""
        while not self.halted:
            message = self._supply.take()
            if message is None:
                if self._supply.exhausted:
                    return None
                await self._refill()
            elif self._passes(message) and await self._turn(message):
                self._attempts[message.index] += 1
                return message
        return None

    def suppressed(self, message: Message) -> bool:
        """Look at the suppression, and skip the message if it is there."""
        if not self._around.suppressed(message):
            return False
        self._skip(message.index, Reason.SUPPRESSED)
        return True

    def intent(self, message: Message) -> asyncio.Future[bool]:
        row = message.index
        return self.journal.intent(self._entered(Entry(row, _INTENT, self._attempts[row], self._around.wall())))

    def outcome(self, message: Message, outcome: Outcome) -> None:
        row, now = message.index, self._around.wall()
        state = outcome.outcome
        next_at = self._next_at(message, now) if state is OutcomeClass.DEFERRED else 0
        self._record(
            Entry(
                row,
                _STATE[state],
                self._attempts[row],
                now,
                _NO_REPLY if state is OutcomeClass.UNKNOWN else 0,
                next_at,
                outcome.code or 0,
                outcome.enhanced or "",
                outcome.detail,
                outcome.remote_id or "",
            )
        )
        if next_at >= self._expires_at:
            self._skip(row, Reason.EXPIRED)
        elif state is OutcomeClass.DEFERRED:
            self._note_due(next_at)
        elif state is OutcomeClass.UNKNOWN and resends(self._policy, self._attempts[row]):
            self._record(Entry(row, State.RESOLVED_RESEND.value, self._attempts[row], now))
            self._supply.give_back(message)
        self._tell()

    def take_back(self, message: Message, *, intended: bool) -> None:
        """A message that has definitely not been sent may go at once; an intent that was written for it is closed."""
        row, now = message.index, self._around.wall()
        if intended:
            self._record(Entry(row, State.DEFERRED.value, self._attempts[row], now, Reason.RELEASED.value, now))
        self._attempts[row] -= 1
        self._supply.give_back(message)

    def counts(self) -> Counts:
        return self._tally.counts()

    def _passes(self, message: Message) -> bool:
        if self._around.wall() >= self._expires_at:
            self._skip(message.index, Reason.EXPIRED)
            return False
        return not self.suppressed(message)

    async def _turn(self, message: Message) -> bool:
        """Wait for a token; False when the delivery was stopped meanwhile."""
        if self._around.pace is None:
            return True
        if await self.sleep(self._around.pace.take(self._loop.time())):
            return True
        self._supply.give_back(message)
        return False

    async def sleep(self, seconds: float) -> bool:
        """Sleep, unless the delivery is halted; says whether it slept through."""
        until = self._loop.time() + seconds
        while (left := until - self._loop.time()) > 0:
            if self.halted:
                return False
            await asyncio.sleep(min(left, LONGEST_NAP))
        return True

    async def _refill(self) -> None:
        try:
            faults = await self._supply.refill()
        except Exception as fault:
            self.fault = self.fault or fault
            return
        for row, detail in faults.items():
            self._skip(row, Reason.INVALID, detail)

    def _skip(self, row: int, reason: Reason, detail: str = "") -> None:
        state = State.SKIPPED.value
        self._record(Entry(row, state, self._attempts[row], self._around.wall(), reason.value, detail=detail))
        self._tell()

    def _record(self, entry: Entry) -> None:
        self.journal.record(self._entered(entry))

    def _entered(self, entry: Entry) -> Entry:
        """Count it. An entry that the state table forbids is a transport's mistake and ends the delivery."""
        self._tally.enter(entry)
        return entry

    def _next_at(self, message: Message, now: int) -> int:
        return self._schedule.next_at(message.key, self._attempts[message.index], now)

    def _note_due(self, next_at: int) -> None:
        if self.next_due is None or next_at < self.next_due:
            self.next_due = next_at

    def _tell(self) -> None:
        now = self._loop.time()
        if now >= self._next_progress:
            self._next_progress = now + PROGRESS_SECONDS
            self._around.progress(self._tally.counts())
