"""What Redis may hold, and what is believed of it."""

import os
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from engine.adapters.caches.redis_layer import INVALIDATED_FOR, LARGEST, RedisLayer, connect
from engine.adapters.caches.seal import Seal
from engine.cache.figures import Figures
from engine.cache.layer import LayerDownError, Marks
from engine.cache.records import Kind, gone, heads

FAR = 300_000_000


def wall() -> int:
    return time.time_ns() // 1_000


def record(version: int, text: bytes = b"text", *, life: int = FAR) -> bytes:
    return heads(Kind.PRESENT, np.array([version]), np.array([wall() + life])).tobytes() + text


class Scene:
    def __init__(self, client: redis.Redis) -> None:
        client.flushdb()
        self.client = client
        self.figures = Figures()
        self.layer = RedisLayer(client, b"secret", wall, self.figures)

    def events(self, event: str) -> int:
        return self.figures.events().get(("redis", event), 0)


@pytest.fixture
def scene(redis_server: Any) -> Scene:
    return Scene(connect(redis_server.url, redis_server.password))


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_value_that_was_not_written_by_us_is_a_miss_and_counted_and_removed_and_never_run(
    scene: Scene, tmp_path: Path
) -> None:
    good = record(1)
    scene.layer.put_many(["good", "other"], [good, record(1, b"other")])
    sealed: Any = scene.client.get("good")
    poison = {
        "pickle": pickle.dumps(Bomb(tmp_path / "bomb")),
        "empty": b"",
        "short": b"\1",
        "truncated": sealed[:-1],
        "truncated at the front": sealed[1:],
        "longer": sealed + b"\0",
        "of another key": sealed,
        "of another secret": Seal(b"other").close("of another secret", good),
        "unsealed": good,
        **{f"changed at {at}": sealed[:at] + bytes([sealed[at] ^ 1 << at % 8]) + sealed[at + 1 :] for at in range(len(sealed))},
    }  # fmt: skip
    for key, value in poison.items():
        scene.client.set(key, value)
    scene.client.set("good", sealed)
    assert scene.layer.get_many([*poison, "good"]) == [None] * len(poison) + [good]
    assert scene.events("forged") == len(poison) and not (tmp_path / "bomb").exists()
    assert scene.client.exists(*poison) == 0 and scene.client.exists("good", "other") == 2


def test_a_value_of_another_format_is_a_miss_though_it_is_ours(scene: Scene) -> None:
    for key, value in {"newer": b"\2" + record(1)[1:], "nothing": b"", "half a head": record(1)[:10]}.items():
        scene.client.set(key, Seal(b"secret").close(key, value))
    assert scene.layer.get_many(["newer", "nothing", "half a head"]) == [None] * 3
    assert scene.events("foreign") == 3


def test_a_key_that_holds_something_else_is_a_miss_and_can_be_written(scene: Scene) -> None:
    scene.client.rpush("list", "x")
    scene.client.hset("hash", "x", "y")
    assert scene.layer.get_many(["list"]) == [None]
    scene.layer.put_many(["list"], [record(1)])
    scene.layer.invalidate(["hash"], 2)
    assert scene.layer.get_many(["list", "hash"])[1] == gone(2) and scene.client.type("list") == b"string"


def test_an_older_value_is_not_kept_over_a_newer_one_or_an_invalidation(scene: Scene) -> None:
    newer = record(5)
    scene.layer.put_many(["a"], [newer])
    scene.layer.put_many(["a"], [record(4)])
    scene.layer.invalidate(["a"], 5)
    assert scene.layer.get_many(["a"]) == [newer] and scene.events("outdated") == 1
    scene.layer.invalidate(["a", "b"], 6)
    scene.layer.put_many(["a", "b"], [newer, newer])
    assert scene.layer.get_many(["a", "b"]) == [gone(6)] * 2 and scene.events("outdated") == 3
    assert 0 < scene.client.pttl("b") <= INVALIDATED_FOR  # type: ignore[operator]


def test_versions_are_compared_as_numbers(scene: Scene) -> None:
    for low, high in [(1, 255), (255, 256), (2**32 - 1, 2**32), (2**40, 2**52 + 1)]:
        scene.client.flushdb()
        scene.layer.put_many(["a"], [record(high, b"high")])
        scene.layer.put_many(["a"], [record(low, b"low")])
        found = scene.layer.get_many(["a"])[0]
        assert found is not None and found.endswith(b"high")


def test_a_value_is_kept_as_long_as_it_is_fresh_and_not_if_it_is_not(scene: Scene) -> None:
    scene.layer.put_many(["long", "short", "over"], [record(1), record(1, life=5_000_000), record(1, life=-1)])
    assert 290_000 < scene.client.pttl("long") <= 300_000 and 0 < scene.client.pttl("short") <= 5_000  # type: ignore[operator]
    assert scene.client.exists("over") == 0


def test_what_is_too_large_is_not_shared(scene: Scene) -> None:
    scene.layer.put_many(["large", "small"], [record(1, b"x" * LARGEST), record(1)])
    assert scene.client.exists("large", "small") == 1 and scene.events("too large") == 1


def test_marks_are_sealed_too(scene: Scene) -> None:
    scene.layer.mark("prefix:", Marks(7, 3))
    assert scene.layer.marks("prefix:") == Marks(7, 3) and scene.layer.marks("other:") is None
    (key,) = scene.client.keys("*")  # type: ignore[misc]
    scene.layer.put_many([key.decode()], [record(9)])
    assert scene.layer.marks("prefix:") is None
    scene.client.set(key, b"\1\4" + (2**60).to_bytes(8, "big") * 2)
    assert scene.layer.marks("prefix:") is None and scene.events("forged") == 1


def test_clear_takes_one_beginning_whatever_signs_it_has(scene: Scene) -> None:
    keys = ["x:*?[a]^\\:1", "x:*?[a]^\\:2", "x:*?[b]^\\:1", "x:yya^\\:1", "other"]
    scene.layer.put_many(keys, [record(1)] * len(keys))
    scene.layer.mark("x:*?[a]^\\:", Marks(1, 1))
    scene.layer.clear("x:*?[a]^\\:")
    assert [found is not None for found in scene.layer.get_many(keys)] == [False, False, True, True, True]
    assert scene.layer.marks("x:*?[a]^\\:") is None


def test_whatever_redis_refuses_is_told_in_one_way(scene: Scene, redis_server: Any) -> None:
    wrong = RedisLayer(connect(redis_server.url, "wrong"), b"secret", wall, scene.figures)
    nobody = RedisLayer(connect("redis://127.0.0.1:1/0", None), b"secret", wall, scene.figures)
    for layer in (wrong, nobody):
        for ask in (
            lambda layer=layer: layer.get_many(["a"]),
            lambda layer=layer: layer.put_many(["a"], [record(1)]),
            lambda layer=layer: layer.invalidate(["a"], 1),
            lambda layer=layer: layer.marks("a"),
            lambda layer=layer: layer.mark("a", Marks(1, 1)),
            lambda layer=layer: layer.announce("a", ["b"]),
        ):
            with pytest.raises(LayerDownError):
                ask()


def test_a_server_that_says_nothing_is_given_up(own_redis: Any) -> None:
    layer = Scene(connect(own_redis.url, own_redis.password)).layer
    layer.put_many(["a"], [record(1)])
    with own_redis.silent(), pytest.raises(LayerDownError, match="Timeout"):
        layer.get_many(["a"])
    assert layer.get_many(["a"]) != [None]


def test_a_connection_that_the_server_closed_is_replaced(scene: Scene) -> None:
    scene.layer.put_many(["a"], [record(1)])
    scene.client.client_kill_filter(_type="normal", skipme=False)
    assert scene.layer.get_many(["a"]) != [None]


def test_no_room_in_redis_is_a_failure_that_is_told(scene: Scene) -> None:
    scene.client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(LayerDownError):
            scene.layer.put_many([str(n) for n in range(100)], [record(1, b"x" * 50_000)] * 100)
    finally:
        scene.client.config_set("maxmemory", "0")
