"""The caches' figures for Prometheus. Labels name layers and what happened, nothing that a stranger writes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.cache.figures import BOUNDS, Figures
from engine.cache.memory import MemoryLayer


class CacheMetrics(Collector):
    """Reads the figures when it is asked, and costs nothing otherwise."""

    def __init__(self, figures: Figures, memory: MemoryLayer) -> None:
        self._figures = figures
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        keys = CounterMetricFamily(
            "mailray_cache_keys", "Keys by layer, and whether it had them.", labels=["layer", "result"]
        )
        seconds = HistogramMetricFamily("mailray_cache_seconds", "Seconds a layer took to answer.", labels=["layer"])
        for layer, figures in self._figures.layers().items():
            keys.add_metric([layer, "hit"], figures.hits)
            keys.add_metric([layer, "miss"], figures.misses)
            bounds = [*map(str, BOUNDS), "+Inf"]
            seconds.add_metric([layer], list(zip(bounds, accumulate(figures.classes), strict=True)), figures.seconds)
        events = CounterMetricFamily(
            "mailray_cache_events", "What happened to keys and layers.", labels=["layer", "event"]
        )
        for (layer, event), count in self._figures.events().items():
            events.add_metric([layer, event], count)
        held = GaugeMetricFamily("mailray_cache_memory_bytes", "Bytes that memory holds.", value=self._memory.held)
        yield from (keys, seconds, events, held)
