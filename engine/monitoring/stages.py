"""Time by stage: seconds and rows, added up over blocks, partitions and workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Clock = Callable[[], float]


class Stages:
    """Seconds spent in and rows passed through each stage. ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds: dict[str, float] = {}
        self._rows: dict[str, int] = {}

    @contextmanager
    def timed(self, stage: str, rows: int = 0) -> Iterator[None]:
        """Count what is done within as ``rows`` rows of ``stage``, also when it fails."""
        start = self._clock()
        try:
            yield
        finally:
            self.add(stage, self._clock() - start, rows)

    def add(self, stage: str, seconds: float, rows: int) -> None:
        self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds
        self._rows[stage] = self._rows.get(stage, 0) + rows

    def merge(self, figures: Mapping[str, Mapping[str, float]]) -> None:
        """Add the figures of another worker, as ``as_dict`` gives them."""
        for stage, figure in figures.items():
            self.add(stage, figure["seconds"], int(figure["rows"]))

    def as_dict(self) -> dict[str, dict[str, float]]:
        return {
            stage: {"seconds": round(self._seconds[stage], 6), "rows": self._rows[stage]} for stage in self._seconds
        }
