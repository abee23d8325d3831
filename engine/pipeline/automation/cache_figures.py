"""What the caches of workers did, as the driver hears of it: what is new goes with the results of tasks, and is added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from threading import Lock

from engine.cache.figures import Figures, LayerFigures


@dataclass(frozen=True, slots=True)
class CacheNews:
    """What a process's caches did since the last news, by layer, and by layer and event; ``held``: bytes that their memory holds."""

    layers: Mapping[str, LayerFigures]
    events: Mapping[tuple[str, str], int]
    held: int


class CacheReporter:
    """In a worker, for any of its threads."""

    def __init__(self, figures: Figures, held: Callable[[], int]) -> None:
        self._figures, self._held = figures, held
        self._lock = Lock()
        self._layers: dict[str, LayerFigures] = {}
        self._events: Counter[tuple[str, str]] = Counter()

    def news(self) -> CacheNews:
        """Told once: whoever is given it is to add it up."""
        with self._lock:
            layers, events = self._figures.layers(), Counter(self._figures.events())
            told = {name: _sum(each, self._layers.get(name, LayerFigures()), -1) for name, each in layers.items()}
            happened = events - self._events
            self._layers, self._events = layers, events
            return CacheNews(told, happened, self._held())


class CacheTotals:
    """Of all workers since the start, those that are gone among them. For one thread."""

    def __init__(self) -> None:
        self.layers: dict[str, LayerFigures] = {}
        self.events: Counter[tuple[str, str]] = Counter()
        self._held: dict[str, int] = {}

    def heard(self, worker: str, news: CacheNews) -> None:
        for name, each in news.layers.items():
            self.layers[name] = _sum(self.layers.get(name, LayerFigures()), each)
        self.events.update(news.events)
        self._held[worker] = news.held

    def held(self, workers: Collection[str]) -> int:
        """Bytes in the memory of these workers, which are all that there are now."""
        self._held = {name: held for name, held in self._held.items() if name in workers}
        return sum(self._held.values())


def _sum(one: LayerFigures, other: LayerFigures, sign: int = 1) -> LayerFigures:
    return LayerFigures(
        one.hits + sign * other.hits,
        one.misses + sign * other.misses,
        one.asked + sign * other.asked,
        one.seconds + sign * other.seconds,
        [mine + sign * theirs for mine, theirs in zip(one.classes, other.classes, strict=True)],
    )
