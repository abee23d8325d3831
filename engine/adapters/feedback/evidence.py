"""What came back, as evidence that a message was accepted: whoever bounced, opened or clicked it had it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from engine.adapters.feedback.event_log import SqliteEventLog
from engine.delivery.doubts import Evidence


class FeedbackEvidence:
    """Any event that names a message proves that it was taken: its delivery key, token and Message-ID are nowhere but in it and in
    what a provider was told with it. Where no feedback was ever taken, nothing is known."""

    remembers = 0

    def __init__(self, path: Path, tenant: str) -> None:
        self._path = path
        self._tenant = tenant

    def ask(self, keys: Sequence[bytes]) -> Mapping[bytes, Evidence]:
        """Raises TryAgainError (MR671), InputError (MR672)."""
        if not keys or not self._path.exists():
            return {}
        with closing(SqliteEventLog(self._path, self._tenant)) as log:
            return {key: Evidence(source, kind) for key, (kind, source) in log.first_of(keys).items()}
