"""The tokens of all runs, those that begin while we serve among them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.adapters.feedback.deliveries import RunDeliveries
from engine.delivery.feedback.keyring import Keyring
from engine.delivery.identity import TokenUse

LOOK_SECONDS = 1.0
Found = TypeVar("Found")


class LiveKeyring:
    """``former`` are secrets that runs no longer name, for tokens that are still in mailboxes; ``monotonic`` is in seconds.

    A token that nothing verifies may be of a run that has just begun: the runs' folder is looked at again, but not more than once a
    second, for anybody can send such a token.
    """

    def __init__(
        self, deliveries: RunDeliveries, former: Sequence[bytes], tenant: str, monotonic: Callable[[], float]
    ) -> None:
        self._deliveries = deliveries
        self._former = tuple(former)
        self._tenant = tenant
        self._monotonic = monotonic
        self._mutex = threading.Lock()
        self._looked = -LOOK_SECONDS
        self._keyring = Keyring((), tenant)

    def key_of(self, token: str, use: TokenUse) -> bytes | None:
        return self._ask(lambda keyring: keyring.key_of(token, use))

    def url_of(self, link: str) -> str | None:
        return self._ask(lambda keyring: keyring.url_of(link))

    def _ask(self, question: Callable[[Keyring], Found | None]) -> Found | None:
        keyring = self._keyring
        found = question(keyring)
        if found is None:
            present = self._look()
            found = None if present is keyring else question(present)
        return found

    def _look(self) -> Keyring:
        """The keyring as it is now, whoever looked for new secrets last."""
        with self._mutex:
            now = self._monotonic()
            if now - self._looked >= LOOK_SECONDS:
                self._looked = now
                self._keyring = Keyring([*self._former, *self._deliveries.secrets()], self._tenant)
            return self._keyring
