"""What is said when Ray's node on this machine ends by itself: Ray would end the process with code 1, without a word."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.errors import TryAgainError

ENDED = TryAgainError.single(
    "MR809",
    "Ray's node on this machine has ended; it may have been killed for want of memory",
    help="nothing is lost: `mailray resume RUN` goes on",
)


def end_process() -> None:
    """Say it in one line and end at once: without its node nothing of Ray answers any more, and workers end with it."""
    sys.stderr.write(f"{ENDED}\n")
    sys.stderr.flush()
    os._exit(ENDED.exit_code)


@contextmanager
def watching_node(pid: int, ended: Callable[[], None] = end_process) -> Iterator[None]:
    """Call ``ended`` in another thread as soon as the process ends, unless this context has ended before."""
    process = os.pidfd_open(pid)
    stop, stopping = os.pipe()

    def watch() -> None:
        poll = select.poll()
        for descriptor in (process, stop):
            poll.register(descriptor, select.POLLIN)
        if stop not in {descriptor for descriptor, _ in poll.poll()}:
            ended()

    thread = threading.Thread(target=watch, name="watch the node", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.write(stopping, b"x")
        thread.join()
        for descriptor in (process, stop, stopping):
            os.close(descriptor)
