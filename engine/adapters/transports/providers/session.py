"""One session: a feed drained in requests that follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.adapters.transports.providers.cooldown import Cooldown
from engine.adapters.transports.providers.exchange import DeniedError, Exchange
from engine.adapters.transports.providers.gatherer import Gatherer
from engine.adapters.transports.providers.parcel import Parcel
from engine.adapters.transports.providers.provider import Prepared, Provider, Verdict
from engine.adapters.transports.providers.replies import TOO_LARGE
from engine.delivery.message import Message, Outcome
from engine.delivery.transport import Feed

_MOST_GROWTH: Final = 6
"""JSON writes an octet in at most six."""


class Session:
    def __init__(self, feed: Feed, exchange: Exchange, provider: Provider, cooldown: Cooldown) -> None:
        self._feed = feed
        self._exchange = exchange
        self._provider = provider
        self._cooldown = cooldown

    async def run(self) -> None:
        """Until the feed ends. Raises ServiceError, RefusedError, and what the feed raises."""
        provider = self._provider
        gatherer = Gatherer(self._feed, provider.batch, provider.capabilities.largest_request // _MOST_GROWTH)
        try:
            await self._cooldown.wait()
            while messages := await gatherer.gather():
                await self._deliver(messages)
                await self._cooldown.wait()
        finally:
            for message in await gatherer.stop():
                self._feed.release(message)

    async def _deliver(self, messages: Sequence[Message]) -> None:
        parcel = Parcel(self._feed, messages)
        try:
            prepared = []
            for message in messages:
                made = self._prepare(message)
                if isinstance(made, Outcome):
                    parcel.settle(message, made)
                else:
                    prepared.append(made)
            await self._send(parcel, prepared)
        finally:
            parcel.give_back()

    def _prepare(self, message: Message) -> Prepared | Outcome:
        made = self._provider.prepare(message)
        if isinstance(made, Prepared) and len(made.payload) > self._provider.capabilities.largest_message:
            return TOO_LARGE
        return made

    async def _send(self, parcel: Parcel, prepared: Sequence[Prepared]) -> None:
        """Send what of it may be sent. When one of several spoils the request, each half goes alone."""
        while prepared := [each for each in prepared if parcel.holds(each.message)]:
            messages = [each.message for each in prepared]
            try:
                reply = await self._exchange.send(parcel, messages, self._provider.request(prepared))
            except DeniedError:
                continue
            self._cooldown.note(reply)
            verdicts = self._provider.read(reply, prepared)
            if verdicts is not None:
                _settle(parcel, messages, verdicts)
                return
            parcel.refused(messages)
            middle = len(prepared) // 2
            await self._send(parcel, prepared[:middle])
            prepared = prepared[middle:]


def _settle(parcel: Parcel, messages: Sequence[Message], verdicts: Sequence[Verdict]) -> None:
    """Tell the outcomes; then raise, if the provider takes nothing from us: what it did not take has not been sent."""
    errors = []
    for message, verdict in zip(messages, verdicts, strict=True):
        if isinstance(verdict, Outcome):
            parcel.settle(message, verdict)
        else:
            parcel.refused((message,))
            errors.append(verdict)
    if errors:
        raise errors[0]
