import threading
from typing import Any

import pyarrow as pa
import pytest

from engine.cache.policy import SECOND
from engine.cache.records import Kind
from engine.cache.stack import LONGEST_LOAD, MOST_CHANGED
from engine.errors import TryAgainError


def test_one_question_for_all_that_is_missing_and_none_for_what_is_known(node: Any, customers: Any) -> None:
    for name in "abc":
        customers.put(name, f"text of {name}")
    assert node.get("a") == ["text of a"]
    assert node.get("c", "a", "x", "b", "c") == ["text of c", "text of a", None, "text of b", "text of c"]
    assert node.get("c", "a", "x", "b", "c") == ["text of c", "text of a", None, "text of b", "text of c"]
    assert customers.readings == [["a"], ["c", "x", "b"]]


def test_rows_have_the_schema_of_the_origin_and_every_column(node: Any, customers: Any) -> None:
    customers.put("a", "text")
    found = node.stack.get_many(pa.array(["x", "a"]))
    assert found.rows.schema == customers.schema
    assert found.rows.to_pylist() == [{"name": "a", "text": "text", "version": 1}]
    assert found.found.tolist() == [False, True]
    assert node.stack.get_many(pa.array([], pa.string())).rows.num_rows == 0


def test_nobody_is_remembered_for_a_shorter_time(node: Any, clock: Any, customers: Any) -> None:
    assert node.get("a") == [None]
    customers.put("a", "text")
    clock.now += int(26 * SECOND)
    assert node.get("a") == [None]
    clock.now += 4 * SECOND
    assert node.get("a") == ["text"]


def test_a_value_lives_nine_to_ten_tenths_of_its_lifetime_and_is_then_given_while_it_is_loaded(
    node: Any, clock: Any, customers: Any
) -> None:
    customers.put("a", "old")
    assert node.get("a") == ["old"]
    customers.put("a", "new")
    clock.now += 270 * SECOND - 1
    assert node.get("a") == ["old"] and not node.waiting
    clock.now += 30 * SECOND + 1
    assert node.get("a", "a") == ["old", "old"] and node.get("a") == ["old"]
    node.do_waiting()
    assert node.get("a") == ["new"] and len(customers.readings) == 2
    assert node.figures.events()["memory", "stale"] == 3


def test_what_is_older_than_lifetime_and_staleness_is_not_given(node: Any, clock: Any, customers: Any) -> None:
    customers.put("a", "old")
    node.get("a")
    customers.put("a", "new")
    clock.now += 330 * SECOND
    assert node.get("a") == ["new"]


def test_a_lifetime_begins_before_the_value_is_read(node: Any, clock: Any, customers: Any) -> None:
    def meanwhile() -> None:
        customers.put("a", "new")
        clock.now += 100 * SECOND

    customers.put("a", "old")
    customers.between = meanwhile
    assert node.get("a") == ["old"]
    clock.now += 230 * SECOND
    assert node.get("a") == ["new"]


def test_a_clock_that_was_set_back_makes_nothing_live_longer(node: Any, clock: Any, customers: Any) -> None:
    customers.put("a", "old")
    node.get("a")
    customers.put("a", "new")
    clock.now -= 3_600 * SECOND
    assert node.get("a") == ["new"]


def test_keys_that_were_loaded_together_expire_apart(node: Any) -> None:
    until = node.policy.fresh_until([f"key {number}" for number in range(1_000)], 0, 300 * SECOND)
    assert 270 * SECOND <= until.min() < 273 * SECOND and 297 * SECOND < until.max() <= 300 * SECOND
    assert (until == node.policy.fresh_until([f"key {number}" for number in range(1_000)], 0, 300 * SECOND)).all()


def test_a_change_that_was_announced_is_seen_at_once_by_who_made_it(node: Any, customers: Any) -> None:
    customers.put("a", "old")
    node.get("a")
    node.stack.invalidate(["a"], customers.put("a", "new"))
    assert node.get("a") == ["new"]


def test_a_change_that_nobody_announced_is_seen_after_the_next_catch_up(node: Any, customers: Any) -> None:
    customers.put("a", "old")
    customers.put("b", "same")
    node.stack.catch_up()
    assert node.get("a", "b", "x") == ["old", "same", None]
    customers.put("a", "new")
    customers.put("x", "here")
    assert node.get("a", "x") == ["old", None]
    node.stack.catch_up()
    assert node.get("a", "b", "x") == ["new", "same", "here"]
    assert customers.readings == [["a", "b", "x"], ["a", "x"]]


def test_more_changes_than_can_be_gone_through_make_everything_be_read_again(nodes: Any, customers: Any) -> None:
    one, other = nodes
    customers.put("a", "same")
    assert one.get("a") == ["same"]
    one.stack.catch_up()
    other.stack.catch_up()
    assert other.get("a") == ["same"] and len(customers.readings) == 1
    for number in range(MOST_CHANGED + 1):
        customers.put(f"name {number}", "text")
    for each in nodes:
        each.stack.catch_up()
        assert not each.kinds()
    assert one.get("a") == ["same"] and other.get("a") == ["same"]
    assert len(customers.readings) == 2  # once for both


def test_what_changes_while_it_is_loaded_is_given_to_who_asked_and_not_kept(nodes: Any, customers: Any) -> None:
    one, other = nodes
    customers.put("a", "old")
    customers.put("b", "same")
    customers.between = lambda: other.stack.invalidate(["a"], customers.put("a", "new"))
    assert one.get("a", "b") == ["old", "same"]
    one.stack.heard(["a"])
    assert one.get("a", "b") == ["new", "same"] and other.get("a", "b") == ["new", "same"]
    assert len(customers.readings) == 2


def test_what_changes_here_while_it_is_loaded_is_not_kept(node: Any, customers: Any) -> None:
    customers.put("a", "old")
    customers.between = lambda: node.stack.invalidate(["a"], customers.put("a", "new"))
    assert node.get("a") == ["old"]
    assert node.get("a") == ["new"]


def test_who_asks_after_a_change_is_not_given_what_was_asked_for_before_it(node: Any, customers: Any) -> None:
    customers.put("a", "old")
    got: list[list[str | None]] = []

    def meanwhile() -> None:
        node.stack.invalidate(["a"], customers.put("a", "new"))
        asking = threading.Thread(target=lambda: got.append(node.get("a")), daemon=True)
        asking.start()
        asking.join(20)

    customers.between = meanwhile
    assert node.get("a") == ["old"]
    assert got == [["new"]] and node.get("a") == ["new"]


def test_a_load_during_which_everything_may_have_changed_is_not_kept(node: Any, customers: Any) -> None:
    customers.put("a", "old")

    def much() -> None:
        for number in range(MOST_CHANGED + 1):
            customers.put(f"name {number}", "text")
        customers.put("a", "new")
        node.stack.catch_up()

    customers.between = much
    assert node.get("a") == ["old"]
    assert node.get("a") == ["new"]


def test_what_took_too_long_to_load_is_given_and_not_shared(
    nodes: Any, customers: Any, clock: Any, elsewhere: Any
) -> None:
    customers.put("a", "text")
    customers.between = lambda: setattr(clock, "now", clock.now + LONGEST_LOAD + 1)
    assert nodes[0].get("a") == ["text"]
    assert not elsewhere.kept


def test_a_key_is_loaded_by_one_thread_and_the_others_wait_for_it(node: Any, customers: Any) -> None:
    customers.put("a", "text")
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go_on.wait(30)

    customers.between = hold
    got: list[list[str | None]] = []
    threads = [threading.Thread(target=lambda own: got.append(node.get("a", own)), args=(f"x{n}",)) for n in range(4)]
    threads[0].start()
    assert begun.wait(30)
    for each in threads[1:]:
        each.start()
    while len(customers.readings) < 4:  # all have found that `a` is loaded, and load what nobody does
        threading.Event().wait(0.001)
    go_on.set()
    for each in threads:
        each.join(30)
    assert got == [["text", None]] * 4
    assert [names for names in customers.readings if "a" in names] == [["a", "x0"]]
    assert node.figures.events()["memory", "joined"] == 3


def test_when_a_load_fails_all_who_wait_for_it_hear_why_and_the_next_tries_again(node: Any, customers: Any) -> None:
    customers.put("a", "text")
    customers.away = True
    with pytest.raises(TryAgainError):
        node.get("a")
    customers.away = False
    assert node.get("a") == ["text"]


def test_what_is_in_memory_needs_no_origin(node: Any, customers: Any) -> None:
    customers.put("a", "text")
    node.get("a")
    customers.away = True
    assert node.get("a") == ["text"]
    with pytest.raises(TryAgainError):
        node.stack.catch_up()


def test_who_may_have_missed_a_message_forgets_all_when_the_origin_cannot_tell(node: Any, customers: Any) -> None:
    customers.put("a", "text")
    node.get("a")
    customers.away = True
    node.stack.missed()
    assert not node.kinds()


def test_an_origin_that_went_back_makes_everything_be_read_again(node: Any, customers: Any) -> None:
    customers.put("a", "newer")
    customers.put("a", "newest")
    node.stack.catch_up()
    node.get("a")
    customers.now = 1
    customers.known["a"] = ("restored", 1)
    node.stack.catch_up()
    assert node.get("a") == ["restored"]


def test_hits_and_misses_are_counted_by_layer(nodes: Any, customers: Any) -> None:
    one, other = nodes
    customers.put("a", "text")
    one.get("a", "x")
    one.get("a")
    other.get("a", "x")
    counted = {
        name: (each.hits, each.misses, each.asked, sum(each.classes)) for name, each in one.figures.layers().items()
    }
    assert counted == {"memory": (1, 2, 2, 2), "shared": (0, 2, 1, 1), "store": (2, 0, 1, 1)}
    assert other.figures.layers()["shared"].hit_rate == 1.0
    assert one.kinds() == other.kinds() == {"a": Kind.PRESENT, "x": Kind.ABSENT}
