"""What came back, as evidence that a message was accepted: whoever bounced, opened or clicked it had it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from engine.delivery.doubts import Evidence
from engine.delivery.feedback.contract import EventLog


class FeedbackEvidence:
    """Any event that names a message proves that it was taken: its delivery key, token and Message-ID are nowhere but in it and in
    what a provider was told with it. ``opened`` gives None where no feedback was ever taken; then nothing is known."""

    remembers = 0

    def __init__(self, opened: Callable[[], EventLog | None]) -> None:
        self._opened = opened

    def ask(self, keys: Sequence[bytes]) -> Mapping[bytes, Evidence]:
        """Raises TryAgainError (MR671), InputError (MR672)."""
        log = self._opened() if keys else None
        if log is None:
            return {}
        with closing(log):
            return {key: Evidence(source, kind) for key, (kind, source) in log.first_of(keys).items()}
