"""What all connections of one partition share: the messages to send, the gate, and the writing down."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from engine.campaign.schema import UnknownPolicy
from engine.delivery.doubts import DoubtRule, Nobody, Witness
from engine.delivery.gate import Gate, Hold, WatchedGate
from engine.delivery.journal import Journal
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.delivery.pacing import PartitionPacing, Sign, sign_of
from engine.delivery.recovery import resends
from engine.delivery.retry import Schedule
from engine.delivery.supply import Supply
from engine.errors import MailrayError
from engine.ledger.counts import Counts
from engine.ledger.entries import Entry
from engine.ledger.states import Reason, State
from engine.ledger.tally import Tally

PROGRESS_SECONDS = 0.25
LONGEST_NAP = 0.5  # a stop is noticed within this time, in seconds
GRACE = (
    1.0  # seconds after a stop in which a message that is on its way may still be ended; later its intent is refused
)

_STATE = {
    OutcomeClass.ACCEPTED: State.ACCEPTED.value,
    OutcomeClass.DEFERRED: State.DEFERRED.value,
    OutcomeClass.REJECTED: State.REJECTED.value,
    OutcomeClass.UNKNOWN: State.UNKNOWN.value,
}
_INTENT = State.INTENT.value
_NO_REPLY = Reason.NO_REPLY.value
_PERHAPS_SENT = frozenset({OutcomeClass.ACCEPTED, OutcomeClass.UNKNOWN})


class Look(Enum):
    """What the last look before an intent says."""

    GO = auto()
    SKIPPED = auto()  # it never goes, and that is written down
    NOT_NOW = auto()


def never(*_: object) -> bool:
    return False


def nothing(_: Counts) -> None:
    return None


class Pace(Protocol):
    """How fast all messages together go."""

    def take(self, now: float) -> float:
        """Take a turn, and give the seconds until it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a delivery asks of the world while it runs; each is called often and must be quick.

    ``wall`` is UTC microseconds. ``stopped`` is looked at before each message: a pause or an end. ``gate`` is asked when a message
    is taken and again right before its intent. ``progress`` gets the partition's counts some times a second. ``pace`` is that of
    all messages, ``pacing`` that of each destination. ``witness`` is asked of messages in doubt when the policy is to reconcile.
    """

    wall: Callable[[], int]
    stopped: Callable[[], bool] = never
    progress: Callable[[Counts], None] = nothing
    pace: Pace | None = None
    pacing: PartitionPacing | None = None
    gate: Gate | None = None
    witness: Witness = field(default_factory=Nobody)


class Dispatch:
    """Belongs to one event loop, whose time is the monotonic clock."""

    def __init__(
        self,
        supply: Supply,
        gate: WatchedGate | None,
        journal: Journal,
        tally: Tally,
        attempts: array[int],
        surroundings: Surroundings,
        *,
        schedule: Schedule,
        policy: UnknownPolicy,
        rule: DoubtRule,
        expires_at: int,
    ) -> None:
        self.journal = journal
        self.fault: BaseException | None = None
        self.next_due: int | None = None
        self._supply = supply
        self._gate = gate
        self._tally = tally
        self._attempts = attempts
        self._around = surroundings
        self._schedule = schedule
        self._policy = policy
        self._rule = rule
        self._expires_at = expires_at
        self._loop = asyncio.get_running_loop()
        self._free_at = self._loop.time()
        self._next_progress = self._loop.time()
        self._room = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether nothing may be, or is left to be, given out."""
        return self.halted or self._supply.exhausted

    @property
    def halted(self) -> bool:
        return self.fault is not None or self.journal.fault is not None or self._stopped()

    async def take(self) -> Message | None:
        """The next message that has passed the gate and waited for its turn."""
        while not self.halted:
            message = self._supply.take(self._loop.time())
            if message is None:
                if self._supply.exhausted:
                    return None
                await self._more()
            elif await self._ready(message):
                self._attempts[message.index] += 1
                return message
        return None

    def last_look(self, message: Message) -> Look:
        """Ask the gate right before the intent; a message that never goes is skipped."""
        gate, row, now = self._gate, message.index, self._around.wall()
        if gate is None:
            return Look.GO
        if not gate.fresh or not gate.gate.admitted(row, now):
            return Look.NOT_NOW
        hold = gate.gate.look(row, now)
        if hold is None:
            return Look.GO
        if hold.until:
            return Look.NOT_NOW
        self._skip(row, hold.reason)
        self._end(message, Sign.NOTHING)
        return Look.SKIPPED

    def hold(self, row: int, hold: Hold) -> None:
        """Write down that the gate does not let a message go: no try is spent."""
        if not hold.until:
            self._skip(row, hold.reason)
        elif hold.until >= self._expires_at:
            self._skip(row, Reason.EXPIRED)
        else:
            now = self._around.wall()
            self._record(
                Entry(row, State.DEFERRED.value, self._attempts[row], now, hold.reason.value, next_at=hold.until)
            )
            self._settle(row, None)
            self._note_due(hold.until)
            self._tell()

    def intent(self, message: Message) -> asyncio.Future[bool]:
        row = message.index
        if self._late():
            refused: asyncio.Future[bool] = self._loop.create_future()
            refused.set_result(False)
            return refused
        return self.journal.intent(self._entered(Entry(row, _INTENT, self._attempts[row], self._around.wall())))

    def may_still_go(self, message: Message) -> bool:
        """Whether what held before an intent still holds when it is durable: the disk may have taken its time."""
        gate, row, now = self._gate, message.index, self._around.wall()
        if self._late():
            return False
        return gate is None or (gate.fresh and gate.gate.admitted(row, now) and gate.gate.look(row, now) is None)

    def outcome(self, message: Message, outcome: Outcome) -> None:
        row, now = message.index, self._around.wall()
        state = outcome.outcome
        self._end(message, sign_of(outcome))
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
        self._settle(row, now if state in _PERHAPS_SENT else None)
        if next_at >= self._expires_at:
            self._skip(row, Reason.EXPIRED)
        elif state is OutcomeClass.DEFERRED:
            self._note_due(next_at)
        elif state is OutcomeClass.UNKNOWN and resends(self._policy, self._attempts[row]):
            self._record(Entry(row, State.RESOLVED_RESEND.value, self._attempts[row], now))
            self._supply.give_back(message)
        elif state is OutcomeClass.UNKNOWN and self._policy is UnknownPolicy.RECONCILE:
            self._note_due(self._rule.next_look(now, now))
        self._tell()

    def take_back(self, message: Message, *, intended: bool) -> None:
        """A message that has definitely not been sent may go at once; an intent that was written for it is closed."""
        row, now = message.index, self._around.wall()
        if intended:
            self._record(Entry(row, State.DEFERRED.value, self._attempts[row], now, Reason.RELEASED.value, now))
        self._attempts[row] -= 1
        self._end(message, Sign.NOTHING)
        self._supply.give_back(message)

    def counts(self) -> Counts:
        return self._tally.counts()

    def _late(self) -> bool:
        """Whether a stop was wanted so long ago that nothing more may go."""
        return self._stopped() and self._loop.time() - self._free_at > GRACE

    def _stopped(self) -> bool:
        if self._around.stopped():
            return True
        self._free_at = self._loop.time()  # the last time that nobody wanted a stop
        return False

    async def _ready(self, message: Message) -> bool:
        """Whether the message has passed the gate and waited for its turn. One that is cancelled meanwhile is not lost."""
        if self._around.pacing is not None:
            self._around.pacing.begin(message, self._loop.time())
        try:
            if await self._passes(message):
                if await self._turn():
                    return True
                self._supply.give_back(message)
        except MailrayError as fault:
            self.fault = self.fault or fault
            self._supply.give_back(message)
        except BaseException:
            self._supply.give_back(message)
            self._end(message, Sign.NOTHING)
            raise
        self._end(message, Sign.NOTHING)
        return False

    def _end(self, message: Message, sign: Sign) -> None:
        """Its destination has room for another message."""
        if self._around.pacing is not None:
            self._around.pacing.end(message, sign, self._loop.time())
            self._supply.ended()
            self._room.set()

    async def _passes(self, message: Message) -> bool:
        row, now, gate = message.index, self._around.wall(), self._gate
        if now >= self._expires_at:
            self._skip(row, Reason.EXPIRED)
            return False
        if gate is None:
            return True
        if not gate.fresh:
            await gate.freshen()
        hold = gate.gate.look(row, now)
        if hold is None and not gate.gate.admitted(row, now):
            hold = (await gate.admit((row,))).get(row)
        if hold is not None:
            self.hold(row, hold)
        return hold is None

    async def _turn(self) -> bool:
        """Wait for a token; False when the delivery was stopped meanwhile."""
        return self._around.pace is None or await self.sleep(self._around.pace.take(self._loop.time()))

    async def sleep(self, seconds: float) -> bool:
        """Sleep, unless the delivery is halted; says whether it slept through."""
        until = self._loop.time() + seconds
        while (left := until - self._loop.time()) > 0:
            if self.halted:
                return False
            await asyncio.sleep(min(left, LONGEST_NAP))
        return True

    async def _more(self) -> None:
        """Bring in more messages or, when there are enough and none may go, wait until one may."""
        wait = self._supply.wait(self._loop.time())
        if wait <= 0:
            await self._refill()
            return
        self._room.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._room.wait(), min(wait, LONGEST_NAP))

    async def _refill(self) -> None:
        try:
            drawn = await self._supply.refill()
        except Exception as fault:
            self.fault = self.fault or fault
            return
        for row, detail in drawn.faults.items():
            self._skip(row, Reason.INVALID, detail)
        for row, hold in drawn.held.items():
            self.hold(row, hold)

    def _skip(self, row: int, reason: Reason, detail: str = "") -> None:
        state = State.SKIPPED.value
        self._record(Entry(row, state, self._attempts[row], self._around.wall(), reason.value, detail=detail))
        self._settle(row, None)
        self._tell()

    def _settle(self, row: int, sent_at: int | None) -> None:
        if self._gate is not None:
            self._gate.gate.settle(row, sent_at)

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
