"""One connection's view of a delivery: the feed that a transport drains."""

from __future__ import annotations

from enum import Enum, auto

from engine.delivery.dispatch import Dispatch, Look
from engine.delivery.message import Message, Outcome, OutcomeClass
from engine.errors import InternalError


class _Phase(Enum):
    TAKEN = auto()
    ASKED = auto()  # an intent is, or may have been, written; the transport was not told to go on
    INTENDED = auto()
    SKIPPED = auto()


_AFTER_INTENT_ONLY = frozenset({OutcomeClass.ACCEPTED, OutcomeClass.UNKNOWN})
_LOST = Outcome(OutcomeClass.UNKNOWN, detail="the connection ended before a reply")


class SessionFeed:
    """Holds what its connection has taken until it is given back, so that nothing is lost with a connection."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self._held: dict[int, tuple[_Phase, Message]] = {}
        self.settled = 0

    async def next(self) -> Message | None:
        message = await self._dispatch.take()
        if message is not None:
            self._held[message.index] = (_Phase.TAKEN, message)
        return message

    async def intent(self, message: Message) -> bool:
        row = message.index
        self._expect(row, _Phase.TAKEN)
        look = self._dispatch.last_look(message)
        if look is not Look.GO:
            self._held[row] = (_Phase.SKIPPED if look is Look.SKIPPED else _Phase.TAKEN, message)
            return False
        self._held[row] = (_Phase.ASKED, message)
        durable = await self._dispatch.intent(message)
        if durable and not self._dispatch.may_still_go(message):
            return False
        self._held[row] = (_Phase.INTENDED if durable else _Phase.TAKEN, message)
        return durable

    def outcome(self, message: Message, outcome: Outcome) -> None:
        row = message.index
        if outcome.outcome in _AFTER_INTENT_ONLY:
            self._expect(row, _Phase.INTENDED)
        else:
            self._expect(row, _Phase.INTENDED, _Phase.TAKEN)
        del self._held[row]
        self.settled += 1
        self._dispatch.outcome(message, outcome)

    def release(self, message: Message) -> None:
        self._expect(message.index, *_Phase)
        phase, _ = self._held.pop(message.index)
        if phase is not _Phase.SKIPPED:
            self._dispatch.take_back(message, intended=phase is not _Phase.TAKEN)

    def settle(self) -> None:
        """What the connection has left behind: after an intent it may have been sent, before it has not."""
        for phase, message in list(self._held.values()):
            if phase is _Phase.INTENDED:
                self.outcome(message, _LOST)
            else:
                self.release(message)

    def _expect(self, row: int, *phases: _Phase) -> None:
        held = self._held.get(row)
        if held is None or held[0] not in phases:
            found = held[0].name.lower() if held else "not held by this connection"
            raise InternalError.single("MR651", f"a transport spoke of message {row} out of turn: it is {found}")
