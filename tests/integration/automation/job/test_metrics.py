"""`mailray automate --metrics` tells whoever scrapes it what is done and what waits, and of nobody in person."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parsed

from engine.assembly.automation import open_automation, open_automation_worker
from engine.assembly.automation_metrics import AutomationMetrics
from engine.assembly.queues import open_queue
from engine.campaign.schema import Priority
from engine.errors import Diagnostic
from engine.pipeline.automation.crew import ThreadCrew
from engine.queueing.alarms import DepthAlarm
from engine.queueing.contract import ITEMS

CART = """
priority: critical
trigger: {event: left}
workflow:
  - {id: noted, type: update_user_data, set: {visits: visits + 1}}
  - {id: ask, type: trigger_webhook, url: HOOK/coupon, payload: {who: user_id}, retry: {attempts: 9, backoff: 1 second}}
  - {id: offer, type: send_email, template: offer}
"""
LATER = "priority: low\ntrigger: {event: bought}\nworkflow: [{id: rest, type: wait_condition, for: 30 days}]\n"


TOLD_LONG_AGO = {
    **{"item_id": "old", "tenant": "default", "workflow": "later", "priority": "low", "user_id": "ann"},
    **{"arrived": datetime.now(UTC) - timedelta(minutes=20), "payload": '{"position": 1, "at": 1}'},
}
Found = dict[str, float]


def samples(text: str) -> Found:
    """By name and labels, as they are written: ``name{label=value}``."""
    found = {}
    for sample in (each for family in parsed(text) for each in family.samples):
        labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
        found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@contextmanager
def scraped(shop: Any, *command: str) -> Iterator[Callable[[Callable[[Found], bool]], tuple[Found, httpx.Response]]]:
    """The command in a process of its own, of which figures are asked until they are as they should be; it takes an interruption well."""
    with shop.begin(*command) as process, httpx.Client() as client:
        try:
            url = process.stderr.readline().removeprefix("metrics: ").strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", url)

            def scrape(enough: Callable[[Found], bool]) -> tuple[Found, httpx.Response]:
                found: Found = {}
                while not enough(found):
                    assert process.poll() is None
                    time.sleep(0.05)
                    found = samples((reply := client.get(url)).text)
                return found, reply

            yield scrape
            process.send_signal(signal.SIGINT)
            assert process.wait() == 0, process.stderr.read()
        finally:
            process.kill()


def all_is_done(found: Found) -> bool:
    waiting = [value for name, value in found.items() if name.startswith(("mailray_queue_items", "mailray_queue_work"))]
    handed_out = found.get("mailray_queue_wait_seconds_count{priority=low}", 0.0)
    done = handed_out >= 3 and found["mailray_automation_messages_total{outcome=accepted}"] >= 2
    return done and len(waiting) == 15 + 2 and not any(waiting)


def test_a_job_that_runs_is_scraped(shop: Any) -> None:
    shop.workflow("cart", CART)
    shop.workflow("later", LATER)
    shop.people("ann", "bob")
    with scraped(shop, "automate", "cart", "later", "--metrics", "0", "--yes", "--json") as scrape:
        scrape(lambda found: "mailray_automation_looked_timestamp_seconds" in found)  # the workflows are live
        shop.happen("left", "ann", "bob")
        shop.happen("bought", "bob", "nobody")
        with closing(open_queue(shop.settings)) as queue:
            queue.put(pa.RecordBatch.from_pylist([TOLD_LONG_AGO], ITEMS))
        found, reply = scrape(all_is_done)
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert found["mailray_automation_events_total"] == 4
    assert found["mailray_automation_entered_total"] == 3
    assert found["mailray_automation_strangers_total"] == 1
    assert found["mailray_automation_executions_advanced_total"] >= 3
    assert found["mailray_automation_effects_applied_total{kind=update}"] == 2
    assert found["mailray_automation_effects_applied_total{kind=call}"] == 2
    assert found["mailray_automation_messages_planned_total"] == 2
    assert found["mailray_automation_messages_total{outcome=rejected}"] == 0
    assert found["mailray_automation_messages_open{outcome=unknown}"] == 0
    assert found["mailray_automation_workers"] == 1
    assert found["mailray_queue_wait_seconds_count{priority=low}"] == 3  # two who bought, and whom was told of long ago
    assert found["mailray_queue_wait_seconds_bucket{le=900.0,priority=low}"] == 2
    assert found["mailray_queue_wait_seconds_bucket{le=+Inf,priority=low}"] == 3
    assert found["mailray_queue_wait_seconds_sum{priority=low}"] >= 1_200
    assert found["mailray_queue_late_total{priority=low}"] == 1
    assert found["mailray_queue_wait_seconds_count{priority=critical}"] >= 2
    assert found["mailray_queue_wait_seconds_count{priority=batch}"] == 0
    assert found["mailray_queue_alarm{priority=normal}"] == 0
    assert found["mailray_cache_keys_total{layer=store,result=hit}"] >= 2
    assert found["mailray_cache_keys_total{layer=memory,result=miss}"] >= 3
    assert found["mailray_cache_seconds_count{layer=memory}"] >= 1
    assert found["mailray_cache_memory_bytes"] > 0
    values = {value for family in parsed(reply.text) for each in family.samples for value in each.labels.values()}
    assert {"cart", "later", "critical", "in_work", "accepted", "memory"} < values
    assert values.isdisjoint({"ann", "bob", "nobody", "here"})
    assert not [each for each in values if re.search(r"@|:|\.com|\.\d+\.|secret", each)]


def test_alarms_and_faults_are_counted_and_told_on(shop: Any, watched: Any) -> None:
    shop.workflow("later", LATER)
    registry = CollectorRegistry()
    with (
        open_automation([shop.folders["later"]], shop.settings) as opened,
        closing(ThreadCrew(open_automation_worker(opened.job), time.monotonic)) as crew,
    ):
        metrics = AutomationMetrics(opened.parts, crew, watched, registry)
        for raised in (True, False, True):
            metrics.alarm(DepthAlarm(Priority.LOW, raised, waited=2_500_000, depth=40))
        for what in ("worker-7", "worker-8", "events"):
            metrics.fault(what, [Diagnostic("MR885", "the worker is gone")])
        found = samples(generate_latest(registry).decode())
    assert found["mailray_queue_alarm{priority=low}"] == 1
    assert found["mailray_queue_alarms_total{priority=low}"] == 2
    assert found["mailray_queue_alarms_total{priority=high}"] == 0
    assert found["mailray_automation_faults_total{code=MR885,stage=worker}"] == 2
    assert found["mailray_automation_faults_total{code=MR885,stage=events}"] == 1
    assert [what for what, _ in watched.faults] == ["worker-7", "worker-8", "events"]
