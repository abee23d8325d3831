"""An inbox in a process of its own, for callers that are not asynchronous and for clients that get killed."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import signal
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from engine.adapters.inbox.received import Counts
from engine.adapters.inbox.server import Inbox
from engine.adapters.inbox.settings import InboxSettings
from engine.errors import CannotCreateError, Diagnostic, InputError, ServiceError

_START_SECONDS = 30.0
_ERRORS = (CannotCreateError, InputError, ServiceError)


class BackgroundInbox:
    """Receives while it is entered: ``with BackgroundInbox(InboxSettings()) as inbox``.

    It ends when it is left, and also when the process that entered it dies, however that is: it watches their pipe. A script
    that uses it needs the usual ``if __name__ == "__main__"``. Raises what ``Inbox`` raises.
    """

    def __init__(self, settings: InboxSettings) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(settings, theirs), name="inbox", daemon=True)
        self._theirs = theirs
        self.port = 0
        self.web_port: int | None = None

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def counts(self) -> Counts:
        """The counts as they stand now."""
        self._pipe.send_bytes(b"counts")
        return Counts(**json.loads(self._pipe.recv_bytes()))

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        try:
            if not self._pipe.poll(_START_SECONDS):
                raise EOFError
            ready = json.loads(self._pipe.recv_bytes())
        except EOFError as error:
            self._stop()
            raise ServiceError.single("MR742", "the inbox's process did not start") from error
        if "error" in ready:
            self._stop()
            kind = next(each for each in _ERRORS if each.__name__ == ready["error"])
            raise kind(Diagnostic(ready["code"], ready["message"], help=ready["help"]))
        self.port, self.web_port = ready["port"], ready["web_port"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _run(settings: InboxSettings, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    try:
        asyncio.run(_receive(settings, pipe))
    except _ERRORS as error:
        told = {"error": type(error).__name__, **error.diagnostics[0].as_dict()}
        pipe.send_bytes(json.dumps(told).encode())


async def _receive(settings: InboxSettings, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    async with Inbox(settings) as inbox:

        def on_request() -> None:
            try:
                pipe.recv_bytes()
                pipe.send_bytes(json.dumps(inbox.counts.as_dict()).encode())
            except (EOFError, OSError):
                loop.remove_reader(pipe.fileno())
                ended.set()

        loop.add_reader(pipe.fileno(), on_request)
        pipe.send_bytes(json.dumps({"port": inbox.port, "web_port": inbox.web_port}).encode())
        await ended.wait()
