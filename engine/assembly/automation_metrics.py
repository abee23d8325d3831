"""What an automation does and what waits in it, for Prometheus.

Labels are priorities, workflows' names, stages, codes and outcomes: nobody's address, no id, and nothing that a stranger writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.adapters.caches.metrics import cache_metrics
from engine.campaign.schema import Priority
from engine.errors import Diagnostic
from engine.pipeline.automation.crew import Crew
from engine.pipeline.automation.dispatch import Dispatcher
from engine.pipeline.automation.dispatch_figures import BOUNDS
from engine.pipeline.automation.parts import Parts, Watch
from engine.queueing.alarms import DepthAlarm

EVERY = 1_000_000
"""Microseconds between two looks at the parts."""
COUNTED = {
    "events": ("events", "Events that were taken in."),
    "strangers": ("strangers", "Events of people whom nobody knows."),
    "entered": ("entered", "Executions that began."),
    "executions": ("executions_advanced", "Executions that were advanced, each as often as it was."),
    "effects": ("effects_decided", "Effects that were decided."),
    "messages": ("messages_planned", "Messages that were planned."),
}
"""What is counted since the start: the metric of each count, and its help."""
APPLIED = {"update": "updates", "call": "calls"}
FINAL = ("accepted", "rejected", "skipped")
OPEN = ("deferred", "unknown")
"""What may still become something else."""


class AutomationMetrics(Collector):
    """Watches an automation for ``registry``, and tells ``watch`` all that it is told.

    The driver's thread looks at the parts, which are its own; whoever asks, in any thread, is given what it saw last.
    """

    def __init__(self, parts: Parts, crew: Crew, watch: Watch, registry: CollectorRegistry) -> None:
        self._parts, self._crew, self._watch = parts, crew, watch
        self._faults = Counter(
            "mailray_automation_faults", "What did not go and is tried again, by stage and code.", ["stage", "code"],
            registry=registry,
        )  # fmt: skip
        self._alarms = Counter(
            "mailray_queue_alarms", "How often a priority's next item had waited for too long.", ["priority"],
            registry=registry,
        )  # fmt: skip
        self._alarmed = Gauge(
            "mailray_queue_alarm", "1 while a priority's next item waits for too long.", ["priority"],
            registry=registry,
        )  # fmt: skip
        for each in Priority:
            self._alarms.labels(each.value)
            self._alarmed.labels(each.value)
        self._next_look = 0
        self._seen = [*self._look({}, parts.wall())]
        registry.register(self)

    def collect(self) -> Sequence[Metric]:
        return self._seen

    def counted(self, counts: Mapping[str, int], waiting: int) -> None:
        now = self._parts.wall()
        if now >= self._next_look:
            self._next_look = now + EVERY
            self._seen = [*self._look(counts, now)]
        self._watch.counted(counts, waiting)

    def alarm(self, alarm: DepthAlarm) -> None:
        self._alarmed.labels(alarm.priority.value).set(alarm.raised)
        self._alarms.labels(alarm.priority.value).inc(alarm.raised)
        self._watch.alarm(alarm)

    def fault(self, what: str, diagnostics: Sequence[Diagnostic]) -> None:
        for each in diagnostics:
            self._faults.labels(what.partition("-")[0], each.code).inc()  # workers are not told apart: they come and go
        self._watch.fault(what, diagnostics)

    def _look(self, counts: Mapping[str, int], now: int) -> Iterator[Metric]:
        yield from _queue(self._parts.dispatcher, now)
        yield _workflows(self._parts)
        yield _on_the_way(self._parts)
        yield from _done(counts)
        workers, caches = self._crew.workers, self._crew.caches
        yield GaugeMetricFamily("mailray_automation_workers", "Workers that are given tasks.", value=len(workers))
        yield from cache_metrics(dict(caches.layers), dict(caches.events), caches.held(workers))
        yield GaugeMetricFamily(
            "mailray_automation_looked_timestamp_seconds", "When these figures were taken.", value=now / 1e6
        )


def _queue(dispatcher: Dispatcher, now: int) -> Iterator[Metric]:
    waits = HistogramMetricFamily(
        "mailray_queue_wait_seconds", "Seconds until items and executions were handed out.", labels=["priority"]
    )
    late = CounterMetricFamily(
        "mailray_queue_late", "Items and executions handed out later than their level says.", labels=["priority"]
    )
    items = GaugeMetricFamily(
        "mailray_queue_items", "Items and executions in the schedule, in work, and outside, where there is no room.",
        labels=["priority", "state"],
    )  # fmt: skip
    longest = GaugeMetricFamily(
        "mailray_queue_next_waited_seconds", "Seconds that the next one has waited.", labels=["priority"]
    )
    bounds = [*(str(float(each)) for each in BOUNDS), "+Inf"]
    for priority, figures in dispatcher.figures().items():
        name = priority.value
        waits.add_metric([name], list(zip(bounds, accumulate(figures.waits), strict=True)), figures.total_wait / 1e6)
        late.add_metric([name], figures.missed)
        for state in ("scheduled", "in_work", "outside"):
            items.add_metric([name, state], getattr(figures, state))
        since = now if figures.next_since is None else figures.next_since
        longest.add_metric([name], max(0, now - since) / 1e6)
    yield from (waits, late, items, longest)


def _workflows(parts: Parts) -> Metric:
    items = GaugeMetricFamily(
        "mailray_queue_workflow_items", "Items and executions in the schedule and in work, by workflow.",
        labels=["workflow", "priority"],
    )  # fmt: skip
    for name, count in parts.dispatcher.by_workflow().items():
        items.add_metric([name, parts.priorities[name].value], count)
    return items


def _on_the_way(parts: Parts) -> Metric:
    """What has been taken up and is not done."""
    found = GaugeMetricFamily("mailray_automation_on_the_way", "What was taken up and is not done.", labels=["what"])
    found.add_metric(["items"], parts.intake.open)
    for name in ("updates", "calls", "sends"):
        found.add_metric([name], getattr(parts, name).in_hand)
    found.add_metric(["gathering"], len(parts.gathering))
    found.add_metric(["deliveries"], len(parts.deliveries))
    return found


def _done(counts: Mapping[str, int]) -> Iterator[Metric]:
    for name, (metric, words) in COUNTED.items():
        yield CounterMetricFamily(f"mailray_automation_{metric}", words, value=counts.get(name, 0))
    applied = CounterMetricFamily("mailray_automation_effects_applied", "Effects that were applied.", labels=["kind"])
    for kind, name in APPLIED.items():
        applied.add_metric([kind], counts.get(name, 0))
    final = CounterMetricFamily(
        "mailray_automation_messages", "Messages that have come to their end.", labels=["outcome"]
    )
    for name in FINAL:
        final.add_metric([name], counts.get(name, 0))
    still_open = GaugeMetricFamily(
        "mailray_automation_messages_open", "Messages that wait for another try, or are in doubt.", labels=["outcome"]
    )
    for name in OPEN:
        still_open.add_metric([name], counts.get(name, 0))
    yield from (applied, final, still_open)
