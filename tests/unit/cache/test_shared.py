"""What becomes of the shared layer when it fails."""

from typing import Any

from engine.cache.breaker import Breaker
from engine.cache.layer import Marks
from engine.cache.policy import SECOND


def test_what_one_node_has_loaded_another_need_not(nodes: Any, customers: Any) -> None:
    one, other = nodes
    customers.put("a", "text")
    assert one.get("a", "x") == other.get("a", "x") == ["text", None]
    assert customers.readings == [["a", "x"]]


def test_an_invalidation_is_announced_to_all(nodes: Any, customers: Any, elsewhere: Any) -> None:
    nodes[0].stack.invalidate(["a", "b"], 7)
    assert elsewhere.announced == ["a", "b"]


def test_an_older_value_does_not_come_in_the_place_of_a_newer_one(nodes: Any, customers: Any) -> None:
    one, other = nodes
    customers.put("a", "old")
    customers.between = lambda: (customers.put("a", "new"), other.get("a"))
    assert one.get("a") == ["old"]
    one.stack.heard(["a"])
    assert one.get("a") == ["new"] and len(customers.readings) == 2


def test_after_one_failure_nobody_asks_until_a_catch_up_finds_it_well(
    nodes: Any, customers: Any, elsewhere: Any, clock: Any
) -> None:
    one, _ = nodes
    customers.put("a", "text")
    elsewhere.away = True
    assert one.get("a") == ["text"] and one.get("b") == [None]
    asked = elsewhere.asked
    one.stack.catch_up()
    assert one.get("c") == [None] and elsewhere.asked == asked
    clock.now += SECOND
    one.stack.catch_up()
    assert elsewhere.asked == asked + 1 and not one.shared.open
    elsewhere.away = False
    one.stack.catch_up()
    assert not one.shared.open  # the pause is twice as long now
    clock.now += SECOND
    one.stack.catch_up()
    assert one.shared.open and one.get("d") == [None] and "d" in "".join(elsewhere.kept)
    assert one.figures.events()["shared", "failed"] == 2


def test_an_invalidation_that_could_not_be_told_is_made_up_for_before_anything_is_read(
    nodes: Any, customers: Any, elsewhere: Any, clock: Any
) -> None:
    one, other = nodes
    customers.put("a", "old")
    one.get("a")
    elsewhere.away = True
    one.stack.invalidate(["a"], customers.put("a", "new"))
    elsewhere.away = False
    assert one.get("a") == ["new"] and not one.shared.open
    clock.now += SECOND
    one.stack.catch_up()
    other.stack.catch_up()
    assert one.shared.open and one.get("a") == other.get("a") == ["new"]


def test_a_failure_during_a_catch_up_is_not_taken_for_its_success(nodes: Any, customers: Any, elsewhere: Any) -> None:
    one, _ = nodes
    customers.put("a", "old")
    one.get("a")
    mark = elsewhere.mark

    def fails_meanwhile(prefix: str, marks: Marks) -> None:
        mark(prefix, marks)
        elsewhere.away = True
        one.stack.invalidate(["a"], customers.put("a", "new"))
        elsewhere.away = False

    elsewhere.mark = fails_meanwhile
    one.stack.catch_up()
    assert not one.shared.open
    assert one.get("a") == ["new"]


def test_a_node_that_begins_does_not_believe_what_changed_while_nobody_watched(
    nodes: Any, customers: Any, elsewhere: Any
) -> None:
    one, other = nodes
    customers.put("a", "old")
    one.get("a")
    customers.put("a", "new")
    other.stack.catch_up()
    assert other.get("a") == ["new"]


def test_nothing_is_read_before_the_first_catch_up(nodes: Any, elsewhere: Any) -> None:
    for each in nodes:
        each.shared.open = False
    asked = elsewhere.asked
    nodes[0].get("a")
    nodes[0].stack.invalidate(["a"], 1)
    assert elsewhere.asked == asked


def test_of_what_has_lost_its_marks_nothing_older_counts(nodes: Any, customers: Any, elsewhere: Any) -> None:
    one, other = nodes
    customers.put("a", "old")
    one.get("a")
    elsewhere.marked = None
    customers.put("b", "text")
    other.stack.catch_up()
    assert elsewhere.marked == Marks(2, 2)
    assert other.get("a") == ["old"] and len(customers.readings) == 2


def test_of_an_origin_that_went_back_nothing_is_kept(nodes: Any, customers: Any, elsewhere: Any) -> None:
    one, other = nodes
    for text in ("old", "newer", "newest"):
        customers.put("a", text)
    one.stack.catch_up()
    one.get("a")
    customers.now = 1
    customers.known["a"] = ("restored", 1)
    other.stack.catch_up()
    assert other.get("a") == ["restored"] and elsewhere.marked == Marks(1, 1)
    one.stack.catch_up()
    assert one.get("a") == ["restored"]


def test_pauses_double_up_to_a_limit_and_differ_between_nodes() -> None:
    now = [0.0]

    def pauses(node: str) -> list[float]:
        breaker = Breaker(lambda: now[0], node)
        found = []
        for _ in range(8):
            breaker.failed()
            start = now[0]
            while not breaker.due:
                now[0] += 0.01
            found.append(now[0] - start)
        breaker.succeeded()
        assert breaker.closed and breaker.due
        return found

    one, other = pauses("one"), pauses("other")
    limits = [0.5, 1, 2, 4, 8, 8, 8, 8]
    assert all(limit / 2 <= pause <= limit + 0.02 for limit, pause in zip(limits, one, strict=True))
    assert one != other
