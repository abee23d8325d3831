"""The caches' figures for Prometheus. Labels name layers and what happened, nothing that a stranger writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from engine.cache.figures import BOUNDS, LayerFigures


def cache_metrics(
    layers: Mapping[str, LayerFigures], events: Mapping[tuple[str, str], int], held: int
) -> Iterator[Metric]:
    """Of one process or of several together; ``held``: bytes that memory holds."""
    keys = CounterMetricFamily(
        "mailray_cache_keys", "Keys by layer, and whether it had them.", labels=["layer", "result"]
    )
    seconds = HistogramMetricFamily("mailray_cache_seconds", "Seconds a layer took to answer.", labels=["layer"])
    for layer, figures in layers.items():
        keys.add_metric([layer, "hit"], figures.hits)
        keys.add_metric([layer, "miss"], figures.misses)
        bounds = [*map(str, BOUNDS), "+Inf"]
        seconds.add_metric([layer], list(zip(bounds, accumulate(figures.classes), strict=True)), figures.seconds)
    happened = CounterMetricFamily(
        "mailray_cache_events", "What happened to keys and layers.", labels=["layer", "event"]
    )
    for (layer, event), count in events.items():
        happened.add_metric([layer, event], count)
    yield from (keys, seconds, happened)
    yield GaugeMetricFamily("mailray_cache_memory_bytes", "Bytes that memory holds.", value=held)
