"""Nodes with real Redis between them: what reaches the others, and what happens when Redis is gone."""

import threading
from collections.abc import Callable
from typing import Any

from engine.cache.policy import Policy

Until = Callable[[Callable[[], bool]], None]


def test_a_change_that_is_announced_reaches_a_node_that_hears(
    redis_server: Any, customers: Any, running: Any, until: Until
) -> None:
    one, other = running(customers, redis_server, "one"), running(customers, redis_server, "other")
    until(lambda: bool(redis_server_clients(other)))
    customers.put("a", "old")
    until(lambda: other.get("a") == ["old"] == one.get("a"))
    version = customers.put("a", "new")
    customers.changes.clear()  # whoever looks for changes finds none: only the announcement tells
    one.stack.invalidate(["a"], version)
    until(lambda: other.get("a") == ["new"])
    assert one.get("a") == ["new"]


def redis_server_clients(node: Any) -> Any:
    """How many listen."""
    return node.layer._client.pubsub_numsub("mailray:1:invalidated")[0][1] >= 2


def test_a_change_that_nobody_announced_reaches_every_node(
    redis_server: Any, customers: Any, running: Any, until: Until
) -> None:
    nodes = [running(customers, redis_server, name, hears=False) for name in ("one", "other")]
    customers.put("a", "old")
    for each in nodes:
        until(lambda each=each: each.get("a") == ["old"])
    customers.put("a", "new")
    for each in nodes:
        until(lambda each=each: each.get("a") == ["new"])


def test_without_redis_a_node_goes_on_and_comes_back_to_it_with_nothing_old(
    own_redis: Any, customers: Any, running: Any, until: Until
) -> None:
    node = running(customers, own_redis)
    customers.put("a", "old")
    until(lambda: node.get("a") == ["old"])
    own_redis.kill()
    assert node.get("b") == [None] and not node.shared.open
    node.stack.invalidate(["a"], customers.put("a", "new"))
    assert node.get("a") == ["new"]
    own_redis.start()
    until(lambda: node.shared.open)
    assert node.get("a", "b") == ["new", None]
    other = running(customers, own_redis, "other")
    assert other.get("c") == [None] and node.get("c") == [None]
    assert node.figures.layers()["redis"].hits >= 1


def test_a_redis_that_was_cut_off_while_something_changed_is_not_believed_about_it(
    own_redis: Any, customers: Any, running: Any, until: Until
) -> None:
    node = running(customers, own_redis)
    customers.put("a", "old")
    assert node.get("a") == ["old"]
    with own_redis.silent():
        node.stack.invalidate(["a"], customers.put("a", "new"))
        assert not node.shared.open and node.get("a") == ["new"]
    other = running(customers, own_redis, "other")
    assert other.get("a") == ["new"]
    until(lambda: node.shared.open)
    assert node.get("a") == ["new"]


def test_who_was_deaf_for_a_while_learns_what_it_missed(
    own_redis: Any, customers: Any, running: Any, until: Until
) -> None:
    node = running(customers, own_redis)
    until(lambda: (node.layer._client.pubsub_numsub("mailray:1:invalidated")[0][1]) == 1)
    missed: list[bool] = []
    node.stack.missed = lambda: missed.append(True)  # what it does is tested where the clock stands still
    own_redis.kill()
    until(lambda: node.events("redis", "deaf") > 0)
    own_redis.start()
    until(lambda: bool(missed))


def test_no_thread_is_given_what_was_invalidated_before_it_asked(
    redis_server: Any, customers: Any, running: Any
) -> None:
    node, other = running(customers, redis_server, "one"), running(customers, redis_server, "other")
    least = dict.fromkeys("abcd", 0)
    for name in least:
        customers.put(name, "0")
    wrong: list[Any] = []
    ended = threading.Event()

    def ask(of: Any, checked: bool) -> None:
        while not ended.is_set():
            before = dict(least)
            got = dict(zip(before, of.get(*before), strict=True))
            wrong.extend(
                (name, got[name], before[name]) for name in before if checked and int(got[name]) < before[name]
            )

    threads = [threading.Thread(target=ask, args=each) for each in ((node, True), (node, True), (other, False))]
    for each in threads:
        each.start()
    for number in range(1, 401):
        name = "abcd"[number % 4]
        node.stack.invalidate([name], customers.put(name, str(number)))
        least[name] = number
    ended.set()
    for each in threads:
        each.join()
    assert not wrong
    assert node.get(*"abcd") == [str(number) for number in (400, 397, 398, 399)]


def test_what_strangers_say_on_the_channel_does_no_harm(
    redis_server: Any, customers: Any, running: Any, until: Until
) -> None:
    node = running(customers, redis_server)
    customers.put("a", "text")
    assert node.get("a") == ["text"]
    client = node.layer._client
    until(lambda: client.pubsub_numsub("mailray:1:invalidated")[0][1] == 1)
    bad = [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'["x"]',
        b'["x", 1]',
        b"null",
        b"[" * 100_000,
        f'["{node.space.prefix}", 5]'.encode(),
    ]
    for each in bad:
        client.publish("mailray:1:invalidated", each)
    client.publish("mailray:1:invalidated", f'["{node.space.prefix}", ["a", "b"]]')
    until(lambda: node.events("memory", "invalidated") >= 2)
    assert node.events("redis", "foreign") >= len(bad) - 1
    assert node.get("a") == ["text"]


def test_what_is_stale_is_loaded_anew_in_the_background(
    redis_server: Any, customers: Any, running: Any, until: Until
) -> None:
    node = running(customers, redis_server, hears=False, policy=Policy(ttl=1_000, stale=3_600_000_000))
    customers.put("a", "text")
    node.stack.catch_up()
    assert node.get("a") == ["text"]
    until(lambda: node.get("a") == ["text"] and len(customers.readings) >= 3)
    assert node.events("memory", "stale") >= 1


def test_a_refresh_that_fails_is_counted_and_asked_for_again(
    redis_server: Any, customers: Any, running: Any, until: Until
) -> None:
    node = running(customers, redis_server, hears=False, policy=Policy(ttl=1_000, stale=3_600_000_000))
    customers.put("a", "text")
    node.stack.catch_up()
    assert node.get("a") == ["text"]
    customers.away = True
    until(lambda: node.get("a") == ["text"] and node.events("store", "failed") > 0)
    customers.away = False
    readings = len(customers.readings)
    until(lambda: node.get("a") == ["text"] and len(customers.readings) > readings)
