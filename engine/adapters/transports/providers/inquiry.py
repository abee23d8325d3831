"""Asking a provider what it knows of messages, by their delivery keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Final, Protocol

from engine.adapters.transports.providers.provider import Reply
from engine.adapters.transports.settings import TransportSettings
from engine.adapters.transports.tls import tls_context
from engine.delivery.doubts import Evidence
from engine.errors import ServiceError

if TYPE_CHECKING:
    import httpx

SECONDS: Final = 10.0
_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class Question:
    """A GET. The headers may hold credentials and are never shown."""

    url: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return "Question()"


class Search(Protocol):
    """How one provider is asked for the message with a key, and what its answers mean; without any I/O."""

    @property
    def name(self) -> str: ...

    @property
    def at_once(self) -> int:
        """Questions on their way at a time."""

    def question(self, key: bytes) -> Question: ...

    def read(self, reply: Reply, key: bytes) -> Evidence | None:
        """What a 200 says of the message. Raises nothing: what cannot be read says nothing."""


class HttpInquiry:
    """One question a key. When the provider has enough of questions, what is known by then is told."""

    remembers = 0

    def __init__(self, search: Search, settings: TransportSettings) -> None:
        self._search = search
        self._settings = settings

    def ask(self, keys: Sequence[bytes]) -> Mapping[bytes, Evidence]:
        """Raises ServiceError (MR755)."""
        # The library takes longer to import than most commands to run, and only who asks needs it.
        import httpx

        enough = Event()
        verify = tls_context(self._settings)
        with (
            httpx.Client(verify=verify, timeout=SECONDS, trust_env=False) as client,
            ThreadPoolExecutor(self._search.at_once, "inquiry") as executor,
        ):
            try:
                found = executor.map(lambda key: self._one(client, key, enough), keys)
                return {key: evidence for key, evidence in zip(keys, found, strict=True) if evidence is not None}
            except (httpx.TransportError, httpx.DecodingError) as fault:
                raise self._mute(str(fault) or type(fault).__name__) from fault
            finally:
                enough.set()

    def _one(self, client: httpx.Client, key: bytes, enough: Event) -> Evidence | None:
        if enough.is_set():
            return None
        question = self._search.question(key)
        response = client.get(question.url, headers=dict(question.headers))
        if response.status_code == _TOO_MANY:
            enough.set()
            return None
        if response.status_code != 200:
            raise self._mute(f"status {response.status_code}")
        return self._search.read(Reply(response.status_code, response.headers, response.content), key)

    def _mute(self, reason: str) -> ServiceError:
        return ServiceError.single(
            "MR755",
            f"{self._search.name} cannot be asked about messages: {reason}",
            help="look at what these credentials may do; what came back by itself counts all the same",
        )
