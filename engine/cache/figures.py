"""What the layers did: hits, misses, seconds, and what happened to records."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds of the classes of latencies, in seconds; the last class has none."""


@dataclass(slots=True)
class LayerFigures:
    """One layer's; ``classes`` counts questions by how long the answer took."""

    hits: int = 0
    misses: int = 0
    asked: int = 0
    seconds: float = 0.0
    classes: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    @property
    def hit_rate(self) -> float:
        """Hits among all keys that it was asked for, 0 when there were none."""
        return self.hits / max(self.hits + self.misses, 1)


class Figures:
    """Adds up, from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._layers: dict[str, LayerFigures] = {}
        self._events: Counter[tuple[str, str]] = Counter()

    def asked(self, layer: str, hits: int, misses: int, seconds: float) -> None:
        """A layer was asked once for so many keys."""
        with self._lock:
            figures = self._layers.setdefault(layer, LayerFigures())
            figures.hits += hits
            figures.misses += misses
            figures.asked += 1
            figures.seconds += seconds
            figures.classes[bisect_left(BOUNDS, seconds)] += 1

    def happened(self, layer: str, event: str, count: int = 1) -> None:
        """Such as ``forged``, ``invalidated``, ``stale``, ``failed``; nothing where ``count`` is 0."""
        if count:
            with self._lock:
                self._events[layer, event] += count

    def layers(self) -> dict[str, LayerFigures]:
        with self._lock:
            return {
                name: LayerFigures(each.hits, each.misses, each.asked, each.seconds, [*each.classes])
                for name, each in self._layers.items()
            }

    def events(self) -> dict[tuple[str, str], int]:
        """How often, by layer and event."""
        with self._lock:
            return dict(self._events)
