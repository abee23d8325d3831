"""What the caches of workers did comes to the driver once, whoever of them is gone by then."""

from __future__ import annotations

from engine.cache.figures import BOUNDS, Figures, LayerFigures
from engine.pipeline.automation.cache_figures import CacheReporter, CacheTotals


def test_each_thing_is_told_once_and_added_up_over_workers() -> None:
    mine, other = Figures(), Figures()
    reporters = {"one": CacheReporter(mine, lambda: 300), "two": CacheReporter(other, lambda: 50)}
    totals, worker = CacheTotals(), reporters["one"]
    mine.asked("memory", 2, 1, 0.0002)
    mine.happened("memory", "stale", 4)
    late = worker.news()
    mine.asked("memory", 1, 0, 7.0)
    mine.asked("store", 1, 0, 0.5)
    mine.happened("memory", "joined")
    totals.heard("one", worker.news())
    totals.heard("one", late)  # the reply that was given first comes last
    other.asked("memory", 10, 0, 0.0)
    totals.heard("two", reporters["two"].news())
    for name, each in reporters.items():
        totals.heard(name, each.news())  # nothing new
    classes = [1, 1, *[0] * (len(BOUNDS) - 2), 1]
    assert totals.layers["memory"] == LayerFigures(13, 1, 3, 7.0002, classes)
    assert totals.layers["store"].hits == 1
    assert totals.events == {("memory", "stale"): 4, ("memory", "joined"): 1}
    assert totals.held(["one", "two"]) == 350
    assert totals.held(["two"]) == 50
    assert totals.layers["memory"].hits == 13
