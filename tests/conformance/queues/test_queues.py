"""What every queue promises: in order, at least once, and nothing twice while it is there."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pytest

from engine.campaign.schema import Priority
from engine.queueing.contract import ITEMS, TAKEN, Queue

HOUR = 3_600.0
WELCOME = ("acme", "wélcome")
Items = Callable[..., pa.RecordBatch]


def names(taken: pa.RecordBatch) -> list[str]:
    return taken.column("item_id").to_pylist()


def tickets(taken: pa.RecordBatch) -> list[str]:
    return taken.column("ticket").to_pylist()


def test_what_is_taken_is_what_was_put(queue: Queue, items: Items) -> None:
    put = items(3)
    assert queue.put(put) == 3
    taken = queue.take(*WELCOME, 10, HOUR)
    assert taken.schema == TAKEN
    assert taken.select(ITEMS.names).to_pylist() == put.to_pylist()


def test_items_come_in_the_order_of_their_arrival(queue: Queue, items: Items) -> None:
    first, second = items(5), items(2_500)
    queue.put(first)
    queue.put(second)
    expected = names(first) + names(second)
    assert names(queue.take(*WELCOME, 7, HOUR)) == expected[:7]
    assert names(queue.take(*WELCOME, 10_000, HOUR)) == expected[7:]


def test_each_workflow_waits_by_itself(queue: Queue, items: Items) -> None:
    for number, priority in enumerate(Priority, 1):
        queue.put(items(number, priority, workflow=f"of {priority.value}"))
    queue.put(items(7, tenant="other", workflow="of low"))
    assert queue.depths("acme") == {priority: number for number, priority in enumerate(Priority, 1)}
    assert queue.take("acme", "of low", 10, HOUR).num_rows == 4
    assert queue.take("acme", "of low", 10, HOUR).num_rows == 0
    assert queue.take("other", "of low", 10, HOUR).num_rows == 7


def test_what_was_taken_comes_again_when_its_taker_is_silent(queue: Queue, items: Items) -> None:
    queue.put(items(4))
    taken = queue.take(*WELCOME, 2, HOUR)
    again = queue.take(*WELCOME, 3, 0)
    assert again.slice(0, 2).to_pylist() == taken.to_pylist()
    assert queue.take(*WELCOME, 9, HOUR).num_rows == 1


def test_what_is_held_does_not_come_again(queue: Queue, items: Items) -> None:
    queue.put(items(2))
    taken = queue.take(*WELCOME, 2, 0)
    queue.hold(tickets(taken))
    assert queue.take(*WELCOME, 2, HOUR).num_rows == 0


def test_what_is_done_is_gone_whoever_holds_it(queue: Queue, items: Items) -> None:
    queue.put(items(3))
    taken = queue.take(*WELCOME, 3, 0)
    queue.take(*WELCOME, 3, 0)  # by somebody else, after the lapse
    assert queue.done(tickets(taken)[:2]) == 2
    assert queue.done(tickets(taken)) == 1
    assert queue.take(*WELCOME, 9, 0).num_rows == 0
    assert set(queue.depths("acme").values()) == {0}
    queue.hold(tickets(taken))
    assert queue.take(*WELCOME, 9, 0).num_rows == 0


def test_an_item_that_is_there_is_left_out(queue: Queue, items: Items) -> None:
    assert queue.put(items(names=["a", "b", "a"])) == 2
    taken = queue.take(*WELCOME, 9, HOUR)
    assert queue.put(items(names=["b", "c"])) == 1
    assert queue.put(items(names=["b"], priority=Priority.HIGH)) == 0
    queue.done(tickets(taken))
    assert queue.put(items(names=["a"])) == 1


def test_tenants_may_use_the_same_names(queue: Queue, items: Items) -> None:
    assert queue.put(items(names=["a"], tenant="acme")) == 1
    assert queue.put(items(names=["a"], tenant="other")) == 1
    assert [queue.depths(each)[Priority.NORMAL] for each in ("acme", "other")] == [1, 1]


def test_names_and_tenants_do_not_run_together(queue: Queue, items: Items) -> None:
    assert queue.put(items(names=['b", "c'], tenant="a")) + queue.put(items(names=["c"], tenant='a", "b')) == 2


def test_nothing_to_put_and_nothing_to_do(queue: Queue, items: Items) -> None:
    assert queue.put(items(0)) == 0
    assert queue.take("acme", "no such", 5, 0).schema == TAKEN
    assert queue.done([]) == 0
    queue.hold([])


def test_columns_that_are_not_those_of_items(queue: Queue, items: Items) -> None:
    put = items(1)
    with pytest.raises(ValueError, match="arrived"):
        queue.put(put.set_column(5, "arrived", pa.array([1], pa.int64())))
    with pytest.raises(ValueError, match="user_id"):
        queue.put(put.set_column(4, "user_id", pa.array([None], pa.string())))
    assert set(queue.depths("acme").values()) == {0}


def test_two_takers_never_have_the_same(queue: Queue, items: Items) -> None:
    queue.put(items(600))
    seen: Counter[str] = Counter()

    def take() -> None:
        while (taken := queue.take(*WELCOME, 7, HOUR)).num_rows:
            seen.update(names(taken))
            queue.done(tickets(taken))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(seen), seen.total()) == (600, 600)
