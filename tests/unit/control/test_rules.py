from dataclasses import replace
from pathlib import Path

import engine.control.rules
from engine.control import Bounds, Capacity, Reading, decide
from engine.control.rules import RULES

READING = Reading("deliver", pending=10, in_flight=2, cpus=4, cpus_possible=4, cpu_percent=50, memory_percent=40)
START = Capacity(window=2, delivery_workers=1, requested_cpus=0)
BOUNDS = Bounds(delivery_workers=8)


def after(reading: Reading, capacity: Capacity = START) -> Capacity:
    return decide(reading, capacity, BOUNDS, RULES, "2026-01-01T00:00:00+00:00").after


def test_every_rule_file_is_in_the_tuple() -> None:
    folder = Path(engine.control.rules.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == {rule.name for rule in RULES}


def test_the_window_follows_the_cpus() -> None:
    assert after(READING).window == 8
    assert after(replace(READING, cpus=32, cpus_possible=32)).window == 64


def test_work_that_waits_asks_for_cpus_that_the_cluster_may_have() -> None:
    planning = replace(READING, phase="plan")
    assert after(replace(planning, pending=100, cpus_possible=16)).requested_cpus == 16
    assert after(replace(planning, pending=8, in_flight=2, cpus_possible=16)).requested_cpus == 5
    assert after(replace(planning, pending=100)).requested_cpus == 0


def test_a_delivery_asks_for_no_more_cpus_than_it_may_have_workers() -> None:
    assert after(replace(READING, pending=100, cpus_possible=16)).requested_cpus == 8
    assert after(replace(READING, pending=3, in_flight=2, cpus_possible=16)).requested_cpus == 5


def test_workers_never_outnumber_work_cpus_or_the_campaigns_bound() -> None:
    assert after(replace(READING, pending=1, in_flight=1)).delivery_workers == 2
    assert after(READING).delivery_workers == 4
    assert after(replace(READING, cpus=64, pending=500)).delivery_workers == 8


def test_high_memory_halves_what_is_in_flight() -> None:
    tight = after(replace(READING, memory_percent=90))
    assert (tight.window, tight.delivery_workers) == (4, 2)


def test_a_saturated_node_gets_less_only_when_the_window_is_full() -> None:
    assert after(replace(READING, cpu_percent=99, in_flight=8)).window == 7
    assert after(replace(READING, cpu_percent=99, in_flight=3)).window == 8


def test_a_decision_says_why_and_nothing_when_nothing_changes() -> None:
    first = decide(READING, START, BOUNDS, RULES, "t")
    assert first.reasons == {"backlog": "12 partitions to do, 4 of 4 CPUs there"}
    assert decide(READING, first.after, BOUNDS, RULES, "t").reasons == {}


def test_rules_that_undo_each_other_have_decided_nothing() -> None:
    saturated = replace(READING, cpu_percent=99, in_flight=8)
    first = decide(saturated, START, BOUNDS, RULES, "t")
    again = decide(saturated, first.after, BOUNDS, RULES, "t")
    assert (again.after, again.reasons) == (first.after, {})
